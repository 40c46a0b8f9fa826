"""Column names by role, as published logs, shop systems and web analytics write them.

Names are normalized (see `log_column.normalize`) and sorted by how clearly they indicate the role.
"""

from __future__ import annotations

from typing import Final


def _words(names: str) -> tuple[str, ...]:
    return tuple(names.split())


TIME_NAMES: Final = _words("""
    eventtime eventtimestamp eventdatetime timestamp servertimestampepochms servertimestamp servertime datetime
    transactiontimestamp transactiontime transactiondatetime occurredat originaltimestamp receivedat sentat createdat
    timestampms timestampmillis timestampepochms tsms ts unixtime unixtimestamp epoch hittimestamp hittime actiontime
    clicktime logtime requesttime visittime localtime utctime time invoicedate invoicedatetime orderdatetime
    ordertimestamp orderpurchasetimestamp ordertime orderdate purchasedate purchasetime saledate paidat eventdate
    transactiondate sessiondate date zeitstempel ereigniszeit ereigniszeitpunkt zeitpunkt datumzeit datumuhrzeit
    zeit bestellzeitpunkt bestelldatum kaufdatum kaufzeitpunkt belegdatum rechnungsdatum datum""")

TYPE_NAMES: Final = _words("""
    eventtype eventname event eventaction productaction ecommerceaction actiontype action behaviortype
    behaviourtype behavior behaviour interactiontype interaction activitytype activity hittype ereignistyp
    ereignisart ereignis aktionstyp aktionsart aktion vorgang type kind typ art""")

VAGUE_TYPE_NAMES: Final = frozenset({"type", "kind", "typ", "art", "hittype", "activity", "vorgang"})
"""Names of other things too. Such a column has event types only if its values are known event words."""

PRODUCT_NAMES: Final = _words("""
    productid itemid productskuhash productsku itemsku sku skuid skuhash lineitemsku productcode itemcode stockcode
    articleid articlenumber articleno aid goodsid asin productvariantid variantid offerid listingid upc ean gtin
    contentid product item pid iid artikelnummer artikelnr artikelid artnr produktid produktnummer produktnr artikel
    produkt productname itemname lineitemname artikelname produktname""")

CATEGORY_NAMES: Final = _words("""
    categoryid category productcategoryid productcategory itemcategoryid itemcategory categorycode categoryhash
    catid cat maincategory categoryname productgroup producttype department kategorieid kategorie produktkategorie
    artikelkategorie warengruppe produktgruppe artikelgruppe abteilung""")

USER_NAMES: Final = _words("""
    userid userpseudoid customerid visitorid clientid shopperid memberid accountid householdid buyerid personid
    profileid customeruniqueid customernumber customerno fullvisitorid anonymousid cookieid deviceid distinctid
    browserid userhash useridhash uid user customer visitor client shopper household customeremail email kundennummer
    kundennr kundenid nutzerid benutzerid besucherid haushaltid kunde nutzer benutzer besucher""")

SESSION_NAMES: Final = _words("""
    usersession usersessionid sessionid sessionidhash sessionhash sessionkey sessiontoken visitid idvisit
    session sid visit sitzungsid sitzungsnummer sitzung besuchid besuchsid besuch""")
"""Without ga_session_id of Google Analytics, which is the session's first second and not unique across users."""

RECEIPT_NAMES: Final = _words("""
    basketid receiptid receiptno receiptnumber invoiceno invoicenumber invoiceid invoice orderid orderno
    ordernumber transactionid ticketid checkoutid bonid bonnummer bonnr bon belegnummer belegnr beleg rechnungsnummer
    rechnungsnr bestellnummer bestellnr bestellid warenkorbid""")
"""In a log of purchases only, a receipt is a session."""

ORDER_NAMES: Final = (
    *RECEIPT_NAMES,
    *_words("""
    ordername orderkey ordernum orderref orderreference purchaseid purchaseorder paymentid ecommercetransactionid
    idtransaction transactionnumber transactionno order transaction name siparisno siparisid numerocommande pedido"""),
)
"""Order ids; Shopify calls the column `name`."""

STATUS_NAMES: Final = _words("""
    financialstatus paymentstatus orderstatus orderstate transactionstatus purchasestatus paymentstate status state
    bestellstatus zahlungsstatus siparisdurumu odemedurumu durum cancelled canceled iscancelled iscanceled isrefunded
    refunded voided""")

CANCEL_FLAGS: Final = frozenset(_words("cancelled canceled iscancelled iscanceled isrefunded refunded voided"))
"""Columns with a flag for void orders."""

CURRENCY_NAMES: Final = _words("""
    currency currencycode ordercurrency pricecurrency transactioncurrency itemcurrency purchasecurrency waehrung
    parabirimi devise moneda""")

VALUE_NAMES: Final = _words("sessionvalue sessionrevenue sessiontotal visitvalue visitrevenue sitzungswert")

VALUE_OR_PRICE_NAMES: Final = _words("""
    ordervalue ordertotal basketvalue baskettotal cartvalue carttotal totalvalue revenue total value
    bestellwert warenkorbwert gesamtwert umsatz wert""")
"""The session's value if it is the same on all rows of a session; otherwise the value of a row."""

PRICE_NAMES: Final = _words("""
    price unitprice itemprice productprice lineitemprice sellingprice saleprice priceusd priceinusd priceeur
    einzelpreis stueckpreis artikelpreis verkaufspreis preis""")

ROW_TOTAL_NAMES: Final = (
    _words("""
    salesvalue linetotal linevalue lineamount itemrevenue itemtotal purchaserevenue purchasevalue transactionrevenue
    orderamount grandtotal totalamount totalprice
    salesamount sales spend turnover eventvalue eventvalueinusd conversionvalue amount gesamtpreis positionswert
    zeilenbetrag betrag summe""")
    + VALUE_OR_PRICE_NAMES
)
"""Value of a whole row, which includes the quantity."""

ORDER_TOTAL_NAMES: Final = _words("""
    purchaserevenue purchasevalue transactionrevenue ordervalue ordertotal orderamount total totalvalue revenue
    grandtotal baskettotal basketvalue cartvalue carttotal bestellwert warenkorbwert gesamtwert""")
"""Names of order totals rather than of prices of single lines."""

QUANTITY_NAMES: Final = _words("""
    quantity qty itemquantity productquantity lineitemquantity units pieces count menge anzahl stueckzahl
    stueck""")
