"""How shops' logs name the columns that we need, as published logs, shop systems and web analytics write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from core.ingestion.mapping.definition import GUESSED_ROLES, Columns
from core.ingestion.mapping.log_column import LogColumn, plain


def _each(names: str) -> tuple[str, ...]:
    return tuple(names.split())


TIME_NAMES: Final = _each("""
    eventtime eventtimestamp eventdatetime timestamp servertimestampepochms servertimestamp servertime datetime
    transactiontimestamp transactiontime transactiondatetime occurredat originaltimestamp receivedat sentat createdat
    timestampms timestampmillis timestampepochms tsms ts unixtime unixtimestamp epoch hittimestamp hittime actiontime
    clicktime logtime requesttime visittime localtime utctime time invoicedate invoicedatetime orderdatetime
    ordertimestamp orderpurchasetimestamp ordertime orderdate purchasedate purchasetime saledate paidat eventdate
    transactiondate sessiondate date zeitstempel ereigniszeit ereigniszeitpunkt zeitpunkt datumzeit datumuhrzeit
    zeit bestellzeitpunkt bestelldatum kaufdatum kaufzeitpunkt belegdatum rechnungsdatum datum""")

TYPE_NAMES: Final = _each("""
    eventtype eventname event eventaction productaction ecommerceaction actiontype action behaviortype
    behaviourtype behavior behaviour interactiontype interaction activitytype activity hittype ereignistyp
    ereignisart ereignis aktionstyp aktionsart aktion vorgang type kind typ art""")

VAGUE_TYPE_NAMES: Final = frozenset({"type", "kind", "typ", "art", "hittype", "activity", "vorgang"})
"""Names that much else has too: such a column counts only where words for events stand in it."""

PRODUCT_NAMES: Final = _each("""
    productid itemid productskuhash productsku itemsku sku skuid skuhash lineitemsku productcode itemcode stockcode
    articleid articlenumber articleno aid goodsid asin productvariantid variantid offerid listingid upc ean gtin
    contentid product item pid iid artikelnummer artikelnr artikelid artnr produktid produktnummer produktnr artikel
    produkt productname itemname lineitemname artikelname produktname""")

CATEGORY_NAMES: Final = _each("""
    categoryid category productcategoryid productcategory itemcategoryid itemcategory categorycode categoryhash
    catid cat maincategory categoryname productgroup producttype department kategorieid kategorie produktkategorie
    artikelkategorie warengruppe produktgruppe artikelgruppe abteilung""")

USER_NAMES: Final = _each("""
    userid userpseudoid customerid visitorid clientid shopperid memberid accountid householdid buyerid personid
    profileid customeruniqueid customernumber customerno fullvisitorid anonymousid cookieid deviceid distinctid
    browserid userhash useridhash uid user customer visitor client shopper household customeremail email kundennummer
    kundennr kundenid nutzerid benutzerid besucherid haushaltid kunde nutzer benutzer besucher""")

SESSION_NAMES: Final = _each("""
    usersession usersessionid sessionid sessionidhash sessionhash sessionkey sessiontoken visitid idvisit
    session sid visit sitzungsid sitzungsnummer sitzung besuchid besuchsid besuch""")
"""Google Analytics' ga_session_id is not among them: it is the session's first second, which two users can have."""

RECEIPT_NAMES: Final = _each("""
    basketid receiptid receiptno receiptnumber invoiceno invoicenumber invoiceid invoice orderid orderno
    ordernumber transactionid ticketid checkoutid bonid bonnummer bonnr bon belegnummer belegnr beleg rechnungsnummer
    rechnungsnr bestellnummer bestellnr bestellid warenkorbid""")
"""In a log of purchases, what was bought at once is a session."""

ORDER_NAMES: Final = (
    *RECEIPT_NAMES,
    *_each("""
    ordername orderkey ordernum orderref orderreference purchaseid purchaseorder paymentid ecommercetransactionid
    idtransaction transactionnumber transactionno order transaction name siparisno siparisid numerocommande pedido"""),
)
"""Columns with the id of an order; Shopify calls it `name`."""

STATUS_NAMES: Final = _each("""
    financialstatus paymentstatus orderstatus orderstate transactionstatus purchasestatus paymentstate status state
    bestellstatus zahlungsstatus siparisdurumu odemedurumu durum cancelled canceled iscancelled iscanceled isrefunded
    refunded voided""")

CANCEL_FLAGS: Final = frozenset(_each("cancelled canceled iscancelled iscanceled isrefunded refunded voided"))
"""Columns that say of each order whether it is void."""

CURRENCY_NAMES: Final = _each("""
    currency currencycode ordercurrency pricecurrency transactioncurrency itemcurrency purchasecurrency waehrung
    parabirimi devise moneda""")

VALUE_NAMES: Final = _each("sessionvalue sessionrevenue sessiontotal visitvalue visitrevenue sitzungswert")

VALUE_OR_PRICE_NAMES: Final = _each("""
    ordervalue ordertotal basketvalue baskettotal cartvalue carttotal totalvalue revenue total value
    bestellwert warenkorbwert gesamtwert umsatz wert""")
"""The session's value where all rows of a session say the same, else what a row is worth."""

PRICE_NAMES: Final = _each("""
    price unitprice itemprice productprice lineitemprice sellingprice saleprice priceusd priceinusd priceeur
    einzelpreis stueckpreis artikelpreis verkaufspreis preis""")

ROW_TOTAL_NAMES: Final = (
    _each("""
    salesvalue linetotal linevalue lineamount itemrevenue itemtotal purchaserevenue purchasevalue transactionrevenue
    orderamount grandtotal totalamount totalprice
    salesamount sales spend turnover eventvalue eventvalueinusd conversionvalue amount gesamtpreis positionswert
    zeilenbetrag betrag summe""")
    + VALUE_OR_PRICE_NAMES
)
"""What a row is worth as a whole: the quantity is in it already."""

ORDER_TOTAL_NAMES: Final = _each("""
    purchaserevenue purchasevalue transactionrevenue ordervalue ordertotal orderamount total totalvalue revenue
    grandtotal baskettotal basketvalue cartvalue carttotal bestellwert warenkorbwert gesamtwert""")
"""What is named like the total of an order, not like the price of one of its lines."""

QUANTITY_NAMES: Final = _each("""
    quantity qty itemquantity productquantity lineitemquantity units pieces count menge anzahl stueckzahl
    stueck""")

_OWN_NAMES: Final = {plain(role): role for role in Columns.model_fields if role not in GUESSED_ROLES}
"""An order's id can be the session's, too: in a log of receipts."""


def named(columns: Sequence[LogColumn], role: str, names: Sequence[str]) -> list[LogColumn]:
    """The columns that have one of the names, the most telling name first.

    The whole name counts more than its end after a dot or slash (`items.item_id`). A column that has another role's own
    name is that role's.
    """
    ranked = []
    for column in columns:
        whole = plain(column.name)
        end = plain(column.name.replace("/", ".").rsplit(".", maxsplit=1)[-1])
        if _OWN_NAMES.get(whole, role) != role:
            continue
        if whole in names:
            ranked.append((names.index(whole), column))
        elif end in names:
            ranked.append((len(names) + names.index(end), column))
    return [column for _, column in sorted(ranked, key=lambda found: found[0])]


def is_own_name(column: LogColumn) -> bool:
    """Whether the column has the name of one of our roles."""
    return plain(column.name) in _OWN_NAMES


def is_telling_type_name(column: LogColumn) -> bool:
    """Whether the column's name alone says that it holds types of events."""
    return plain(column.name) not in VAGUE_TYPE_NAMES
