"""Words that shop logs use for events, and the event type of each word."""

from __future__ import annotations

from typing import Final

from core.ingestion.mapping.column_names import spellings
from core.ingestion.mapping.log_column import normalize
from core.schema import ADD_CART, BUY, REMOVE_CART, VIEW

_WORDS_BY_TYPE: Final = {
    VIEW: """view viewed viewitem viewproduct viewdetail viewcontent productview productviewed productdetail
        productdetailview productdetailviewed itemview itemviewed detail detailview click clicked productclick pv
        browse browsing ansicht ansehen angesehen aufruf aufgerufen produktansicht produktaufruf artikelansicht
        artikelaufruf detailansicht klick geklickt görüntüleme görüntülendi görüntüle ürüngörüntüleme ürüngörüntülendi
        ürüngörüntüle ürünincelendi ürünincele inceleme incelendi tıklama tıklandı tıkla""",
    ADD_CART: """addtocart addedtocart addcart add added cart carted cartadd atc additem itemadded addproduct
        productadded productaddedtocart addtobasket addedtobasket addbasket basket basketadd addtobag bag warenkorb
        indenwarenkorb indenwarenkorbgelegt zumwarenkorb zumwarenkorbhinzugefügt warenkorbhinzugefügt hinzugefügt
        hinzufügen sepet sepeteekle sepeteekleme sepeteeklendi sepeteat ürünsepeteeklendi""",
    REMOVE_CART: """removefromcart removedfromcart removecart remove removed cartremove removeitem itemremoved
        removeproduct productremoved productremovedfromcart removefrombasket removebasket basketremove removefrombag
        deletefromcart cartdelete ausdemwarenkorb ausdemwarenkorbentfernt auswarenkorbentfernt warenkorbentfernt
        entfernt entfernen sepettençıkar sepettençıkarma sepettençıkarıldı sepettençıkarildi sepettensil
        sepettensilindi sepettenkaldır sepettenkaldırıldı ürünsepettençıkarıldı""",
    BUY: """purchase purchased buy bought order ordered transaction sale sold pay paid checkoutcomplete
        checkoutcompleted checkoutsuccess ordercomplete ordercompleted orderplaced orderpaid placeorder
        productpurchase productpurchased ecommercepurchase ecommerceorder kauf gekauft kaufen kaufabschluss bestellung
        bestellt bestellen verkauf transaktion transactionitem orderitem orderline satınal satınalma satınalım
        satınalındı satış sipariş siparişverildi siparişver siparişoluşturuldu sipariştamamlandı ödemetamamlandı""",
}
"""Words by event type, mostly English, German and Turkish."""
_PAGE_VIEWS: Final = spellings("""
    pageview pageviewed viewpage pagevisit page screenview viewscreen screen seitenaufruf seitenansicht sayfagörüntüleme
    sayfagörüntülendi""")
_OTHER_EVENTS: Final = spellings("""
    search sitesearch viewsearchresults searchresults searchsubmitted scroll sessionstart sessionend firstvisit
    firstopen userengagement viewitemlist viewcategory productlistviewed collectionviewed selectitem selectcontent
    viewpromotion selectpromotion viewcart cartview cartviewed begincheckout checkout initiatecheckout
    checkoutstarted checkoutstart checkoutprogress checkoutstepviewed addshippinginfo addpaymentinfo addtowishlist
    addedtowishlist removefromwishlist wishlist favorite favourite fav like share login logout signup register
    registration refund refunded impression productimpression filedownload videostart videoprogress videocomplete
    formstart formsubmit compare rate rating review suche merkliste wunschliste wunschzettel anmeldung abmeldung
    registrierung retoure ecommerceabandonedcart pageping linkclick submitform focusform changeform outlink download
    arama aramayap favori favorilereekle giriş girişyap çıkış çıkışyap üyeol kayıtol kayıt iade iptal
    sepetgörüntüleme sepetigörüntüle ödemeyegeç ödemebaşladı""")
"""Common events that have none of the four event types."""
_ORDER_LINES: Final = spellings("transactionitem orderitem orderline")
_WHOLE_ORDERS: Final = spellings("transaction order")
_TYPE_OF: Final = {word: event_type for event_type, words in _WORDS_BY_TYPE.items() for word in spellings(words)}

DEFAULT_WORDS: Final = {
    VIEW: ("view", "product_view", "view_item", "detail"),
    ADD_CART: ("add_to_cart", "addtocart", "add_cart", "cart", "add"),
    REMOVE_CART: ("remove_from_cart", "removefromcart", "remove_cart", "remove"),
    BUY: ("purchase", "buy", "order", "transaction", "checkout_complete"),
}
"""Likely words for a type that the first rows do not have. Purchases are rare, and some logs are sorted by type."""


def event_type_of(word: str) -> str | None:
    """Return the event type of a word, singular or plural; None if it is unknown. A page view counts as VIEW.

    >>> event_type_of("Add To Cart"), event_type_of("orders"), event_type_of("search")
    ('ADD_CART', 'BUY', None)
    """
    if is_page_view(word):
        return VIEW
    return next((_TYPE_OF[form] for form in _forms(word) if form in _TYPE_OF), None)


def is_page_view(word: str) -> bool:
    """Return whether the word means a view of any page. In a log with product views, these do not count as VIEW."""
    return any(form in _PAGE_VIEWS for form in _forms(word))


def is_other_event(word: str) -> bool:
    """Return whether the word means a common event that has none of the four event types, such as a search."""
    return any(form in _OTHER_EVENTS for form in _forms(word))


def whole_orders_beside_lines(types: dict[str, str]) -> list[str]:
    """Return the words for whole orders in a log that also has one event per line of an order; otherwise none.

    Each purchase would count twice.

    >>> whole_orders_beside_lines({"transaction": "BUY", "transaction_item": "BUY", "page_view": "VIEW"})
    ['transaction']
    """
    has_lines = any(form in _ORDER_LINES for word in types for form in _forms(word))
    return [word for word in types if has_lines and any(form in _WHOLE_ORDERS for form in _forms(word))]


def _forms(word: str) -> tuple[str, str]:
    """Return the normalized word as it is, and in the singular."""
    normalized = normalize(word)
    return normalized, normalized.removesuffix("s")
