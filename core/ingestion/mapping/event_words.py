"""How shops' logs call what happens in a shop, and which of it we have a type for."""

from __future__ import annotations

from typing import Final

from core.ingestion.mapping.log_column import plain
from core.schema import ADD_CART, BUY, REMOVE_CART, VIEW


def _each(words: str) -> frozenset[str]:
    return frozenset(words.split())


_WORDS: Final = {
    VIEW: """view viewed viewitem viewproduct viewdetail viewcontent productview productviewed productdetail
        productdetailview productdetailviewed itemview itemviewed detail detailview click clicked productclick pv browse
        browsing ansicht ansehen angesehen aufruf aufgerufen produktansicht produktaufruf artikelansicht artikelaufruf
        detailansicht klick geklickt""",
    ADD_CART: """addtocart addedtocart addcart add added cart carted cartadd atc additem itemadded addproduct
        productadded productaddedtocart addtobasket addedtobasket addbasket basket basketadd addtobag bag warenkorb
        indenwarenkorb indenwarenkorbgelegt zumwarenkorb zumwarenkorbhinzugefuegt warenkorbhinzugefuegt hinzugefuegt
        hinzufuegen""",
    REMOVE_CART: """removefromcart removedfromcart removecart remove removed cartremove removeitem itemremoved
        removeproduct productremoved productremovedfromcart removefrombasket removebasket basketremove removefrombag
        deletefromcart cartdelete ausdemwarenkorb ausdemwarenkorbentfernt auswarenkorbentfernt warenkorbentfernt
        entfernt entfernen""",
    BUY: """purchase purchased buy bought order ordered transaction sale sold pay paid checkoutcomplete
        checkoutcompleted checkoutsuccess ordercomplete ordercompleted orderplaced orderpaid placeorder productpurchase
        productpurchased ecommercepurchase ecommerceorder kauf gekauft kaufen kaufabschluss bestellung bestellt
        bestellen verkauf transaktion""",
}
_PAGE_VIEWS: Final = _each(
    "pageview pageviewed viewpage pagevisit page screenview viewscreen screen seitenaufruf seitenansicht"
)
_IGNORED: Final = _each("""
    search sitesearch viewsearchresults searchresults searchsubmitted scroll sessionstart sessionend firstvisit
    firstopen userengagement viewitemlist viewcategory productlistviewed collectionviewed selectitem selectcontent
    viewpromotion selectpromotion viewcart cartview cartviewed begincheckout checkout initiatecheckout checkoutstarted
    checkoutstart checkoutprogress checkoutstepviewed addshippinginfo addpaymentinfo addtowishlist addedtowishlist
    removefromwishlist wishlist favorite favourite fav like share login logout signup register registration refund
    refunded impression productimpression filedownload videostart videoprogress videocomplete formstart formsubmit
    compare rate rating review suche merkliste wunschliste wunschzettel anmeldung abmeldung registrierung retoure
    ecommerceabandonedcart""")
_TYPE_OF: Final = {word: event_type for event_type, words in _WORDS.items() for word in _each(words)}

USUAL_WORDS: Final = {
    VIEW: ("view", "product_view", "view_item", "detail"),
    ADD_CART: ("add_to_cart", "addtocart", "add_cart", "cart", "add"),
    REMOVE_CART: ("remove_from_cart", "removefromcart", "remove_cart", "remove"),
    BUY: ("purchase", "buy", "order", "transaction", "checkout_complete"),
}
"""The words that a log most likely has for a type that the rows looked at do not show: purchases are rare in most logs,
and some logs are sorted by event type."""


def type_of(word: str) -> str | None:
    """Our type for a log's word, in the singular or plural; None where there is none. A page's view counts as VIEW.

    >>> type_of("Add To Cart"), type_of("orders"), type_of("search")
    ('ADD_CART', 'BUY', None)
    """
    known = plain(word)
    if is_page_view(word):
        return VIEW
    return _TYPE_OF.get(known) or _TYPE_OF.get(known.removesuffix("s"))


def is_page_view(word: str) -> bool:
    """Whether the word is for pages of any kind; where a log has a word for products' pages, the others name none."""
    known = plain(word)
    return known in _PAGE_VIEWS or known.removesuffix("s") in _PAGE_VIEWS


def is_of_no_interest(word: str) -> bool:
    """Whether the word is for something that shops log often and that we have no type for, like a search."""
    known = plain(word)
    return known in _IGNORED or known.removesuffix("s") in _IGNORED
