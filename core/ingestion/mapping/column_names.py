"""Names that published logs, shop systems and web analytics give to the column of each role.

Names are normalized (see `log_column.normalize`). Those that indicate the role most clearly come first.
"""

from __future__ import annotations

from typing import Final


def word_list(text: str) -> tuple[str, ...]:
    """Return the words of a text."""
    return tuple(text.split())


TIME_NAMES: Final = word_list("""
    eventtime eventtimestamp eventdatetime timestamp servertimestampepochms servertimestamp servertime datetime
    transactiontimestamp transactiontime transactiondatetime occurredat originaltimestamp receivedat sentat createdat
    timestampms timestampmillis timestampepochms tsms ts unixtime unixtimestamp epoch hittimestamp hittime actiontime
    clicktime logtime requesttime visittime localtime utctime time invoicedate invoicedatetime orderdatetime
    ordertimestamp orderpurchasetimestamp ordertime orderdate purchasedate purchasetime saledate paidat eventdate
    transactiondate sessiondate date zeitstempel ereigniszeit ereigniszeitpunkt zeitpunkt datumzeit datumuhrzeit
    zeit bestellzeitpunkt bestelldatum kaufdatum kaufzeitpunkt belegdatum rechnungsdatum datum""")

TYPE_NAMES: Final = word_list("""
    eventtype eventname event eventaction productaction ecommerceaction actiontype action behaviortype
    behaviourtype behavior behaviour interactiontype interaction activitytype activity hittype ereignistyp
    ereignisart ereignis aktionstyp aktionsart aktion vorgang type kind typ art""")

VAGUE_TYPE_NAMES: Final = frozenset({"type", "kind", "typ", "art", "hittype", "activity", "vorgang"})
"""Ambiguous names. Such a column has event types only if its values are known event types."""

PRODUCT_NAMES: Final = word_list("""
    productid itemid productskuhash productsku itemsku sku skuid skuhash lineitemsku productcode itemcode stockcode
    articleid articlenumber articleno aid goodsid asin productvariantid variantid offerid listingid upc ean gtin
    contentid product item pid iid artikelnummer artikelnr artikelid artnr produktid produktnummer produktnr artikel
    produkt productname itemname lineitemname artikelname produktname""")

CATEGORY_NAMES: Final = word_list("""
    categoryid category productcategoryid productcategory itemcategoryid itemcategory categorycode categoryhash
    catid cat maincategory categoryname productgroup producttype department kategorieid kategorie produktkategorie
    artikelkategorie warengruppe produktgruppe artikelgruppe abteilung""")

USER_NAMES: Final = word_list("""
    userid userpseudoid customerid visitorid clientid shopperid memberid accountid householdid buyerid personid
    profileid customeruniqueid customernumber customerno fullvisitorid anonymousid cookieid deviceid distinctid
    browserid userhash useridhash uid user customer visitor client shopper household customeremail email kundennummer
    kundennr kundenid nutzerid benutzerid besucherid haushaltid kunde nutzer benutzer besucher""")

SESSION_NAMES: Final = word_list("""
    usersession usersessionid sessionid sessionidhash sessionhash sessionkey sessiontoken visitid idvisit
    session sid visit sitzungsid sitzungsnummer sitzung besuchid besuchsid besuch""")
"""The name ga_session_id is left out: in Google Analytics, it is the session's first second, which users can share."""

RECEIPT_NAMES: Final = word_list("""
    basketid receiptid receiptno receiptnumber invoiceno invoicenumber invoiceid invoice orderid orderno
    ordernumber transactionid ticketid checkoutid bonid bonnummer bonnr bon belegnummer belegnr beleg rechnungsnummer
    rechnungsnr bestellnummer bestellnr bestellid warenkorbid""")
"""Ids of receipts. In a log of purchases only, each receipt is a session."""

ORDER_NAMES: Final = RECEIPT_NAMES + word_list("""
    ordername orderkey ordernum orderref orderreference purchaseid purchaseorder paymentid ecommercetransactionid
    idtransaction transactionnumber transactionno order transaction name siparisno siparisid numerocommande pedido""")
"""Ids of orders. Shopify calls the column `name`."""

STATUS_NAMES: Final = word_list("""
    financialstatus paymentstatus orderstatus orderstate transactionstatus purchasestatus paymentstate status state
    bestellstatus zahlungsstatus siparisdurumu odemedurumu durum cancelled canceled iscancelled iscanceled isrefunded
    refunded voided""")

CANCEL_FLAGS: Final = frozenset(word_list("cancelled canceled iscancelled iscanceled isrefunded refunded voided"))
"""Names of columns with a flag for void orders."""

CURRENCY_NAMES: Final = word_list("""
    currency currencycode ordercurrency pricecurrency transactioncurrency itemcurrency purchasecurrency waehrung
    parabirimi devise moneda""")

VALUE_NAMES: Final = word_list("sessionvalue sessionrevenue sessiontotal visitvalue visitrevenue sitzungswert")

VALUE_OR_PRICE_NAMES: Final = word_list("""
    ordervalue ordertotal basketvalue baskettotal cartvalue carttotal totalvalue revenue total value
    bestellwert warenkorbwert gesamtwert umsatz wert""")
"""The session value, if it is the same on all rows of a session; otherwise the value of a row."""

PRICE_NAMES: Final = word_list("""
    price unitprice itemprice productprice lineitemprice sellingprice saleprice priceusd priceinusd priceeur
    einzelpreis stueckpreis artikelpreis verkaufspreis preis""")

ROW_TOTAL_NAMES: Final = (
    word_list("""
    salesvalue linetotal linevalue lineamount itemrevenue itemtotal purchaserevenue purchasevalue transactionrevenue
    orderamount grandtotal totalamount totalprice salesamount sales spend turnover eventvalue eventvalueinusd
    conversionvalue amount gesamtpreis positionswert zeilenbetrag betrag summe""")
    + VALUE_OR_PRICE_NAMES
)
"""Totals of rows, which include the quantity."""

ORDER_TOTAL_NAMES: Final = word_list("""
    purchaserevenue purchasevalue transactionrevenue ordervalue ordertotal orderamount total totalvalue revenue
    grandtotal baskettotal basketvalue cartvalue carttotal bestellwert warenkorbwert gesamtwert""")
"""Names of order totals rather than of prices of single lines."""

QUANTITY_NAMES: Final = word_list("""
    quantity qty itemquantity productquantity lineitemquantity units pieces count menge anzahl stueckzahl stueck""")
