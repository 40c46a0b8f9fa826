"""Names that published logs, shop systems and web analytics give to the column of each role.

The names are English, German and Turkish. Those that indicate the role most clearly come first. `spellings` normalizes
them (see `log_column.normalize`).
"""

from __future__ import annotations

from typing import Final

from core.ingestion.mapping.log_column import normalize

_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})


def word_list(text: str) -> tuple[str, ...]:
    """Return the words of a text."""
    return tuple(text.split())


def spellings(text: str) -> tuple[str, ...]:
    """Return the words of a text, normalized. A German word with umlauts is included in both of its spellings.

    >>> spellings("sku stückzahl")
    ('sku', 'stuckzahl', 'stueckzahl')
    """
    forms = ((normalize(word), normalize(word.translate(_UMLAUTS))) for word in word_list(text))
    return tuple(dict.fromkeys(form for pair in forms for form in pair))


TIME_NAMES: Final = spellings("""
    eventtime eventtimestamp eventdatetime timestamp servertimestampepochms servertimestamp servertime datetime
    transactiontimestamp transactiontime transactiondatetime occurredat originaltimestamp receivedat sentat
    createdat timestampms timestampmillis timestampepochms tsms ts unixtime unixtimestamp epoch hittimestamp hittime
    actiontime clicktime logtime requesttime visittime localtime utctime time invoicedate invoicedatetime
    orderdatetime ordertimestamp orderpurchasetimestamp ordertime orderdate purchasedate purchasetime saledate
    paidat eventdate transactiondate sessiondate date derivedtstamp tstamp collectortstamp dvcecreatedtstamp
    servertimepretty zeitstempel ereigniszeit ereigniszeitpunkt zeitpunkt datumzeit datumuhrzeit zeit
    bestellzeitpunkt bestelldatum kaufdatum kaufzeitpunkt belegdatum rechnungsdatum datum islemzamani olayzamani
    zamandamgasi zaman islemtarihi olaytarihi olusturmatarihi siparistarihi satistarihi tarihsaat tarih""")

TYPE_NAMES: Final = spellings("""
    eventtype eventname event eventaction productaction ecommerceaction actiontype action behaviortype behaviourtype
    behavior behaviour interactiontype interaction activitytype activity hittype ereignistyp ereignisart ereignis
    aktionstyp aktionsart aktion vorgang islemtipi islemturu olaytipi olayturu olayadi eylemtipi eylemturu eylem
    olay islem hareket type kind typ art tip tur""")

VAGUE_TYPE_NAMES: Final = frozenset(
    {"type", "kind", "typ", "art", "tip", "tur", "hittype", "activity", "vorgang", "islem", "hareket"}
)
"""Ambiguous names. Such a column has event types only if its values are known event types."""

PRODUCT_NAMES: Final = spellings("""
    productid itemid productskuhash productsku itemsku sku skuid skuhash lineitemsku productcode itemcode stockcode
    articleid articlenumber articleno aid goodsid asin productvariantid variantid offerid listingid upc ean gtin
    contentid product item pid iid artikelnummer artikelnr artikelid artnr produktid produktnummer produktnr artikel
    produkt idactionsku urunid urunkodu urunno urunnumarasi stokkodu barkod urun productname itemname lineitemname
    artikelname produktname urunadi""")

CATEGORY_NAMES: Final = spellings("""
    categoryid category productcategoryid productcategory itemcategoryid itemcategory categorycode categoryhash
    catid cat maincategory categoryname productgroup producttype department kategorieid kategorie produktkategorie
    artikelkategorie warengruppe produktgruppe artikelgruppe abteilung kategoriid kategorikodu kategorino kategori
    urunkategorisi urunkategori urungrubu kategoriadi idactioncategory""")

USER_NAMES: Final = spellings("""
    userid userpseudoid customerid visitorid clientid shopperid memberid accountid householdid buyerid personid
    profileid customeruniqueid customernumber customerno fullvisitorid anonymousid cookieid deviceid distinctid
    browserid userhash useridhash uid user customer visitor client shopper household customeremail email
    kundennummer kundennr kundenid nutzerid benutzerid besucherid haushaltid kunde nutzer benutzer besucher
    idvisitor kullaniciid kullanicino kullanicikodu musteriid musterino musterikodu uyeid uyeno ziyaretciid cihazid
    kullanici musteri uye ziyaretci eposta""")

SESSION_NAMES: Final = spellings("""
    usersession usersessionid sessionid sessionidhash sessionhash sessionkey sessiontoken visitid idvisit session
    sid visit sitzungsid sitzungsnummer sitzung besuchid besuchsid besuch oturumid oturumno oturumkodu oturum
    ziyaretid ziyaretno""")
"""The name ga_session_id is left out: in Google Analytics, it is the session's first second, which users can share."""

RECEIPT_NAMES: Final = spellings("""
    basketid receiptid receiptno receiptnumber invoiceno invoicenumber invoiceid invoice orderid orderno ordernumber
    transactionid ticketid checkoutid bonid bonnummer bonnr bon belegnummer belegnr beleg rechnungsnummer
    rechnungsnr bestellnummer bestellnr bestellid warenkorbid idorder siparisid siparisno siparisnumarasi
    sipariskodu fisno fisnumarasi faturano faturanumarasi""")
"""Ids of receipts. In a log of purchases only, each receipt is a session."""

ORDER_NAMES: Final = RECEIPT_NAMES + spellings("""
    ordername orderkey ordernum orderref orderreference purchaseid purchaseorder paymentid ecommercetransactionid
    idtransaction transactionnumber transactionno order transaction name numerocommande pedido""")
"""Ids of orders. Shopify calls the column `name`."""

STATUS_NAMES: Final = spellings("""
    financialstatus paymentstatus orderstatus orderstate transactionstatus purchasestatus paymentstate status state
    bestellstatus zahlungsstatus siparisdurumu odemedurumu durum cancelled canceled iscancelled iscanceled
    isrefunded refunded voided""")

CANCEL_FLAGS: Final = frozenset(spellings("cancelled canceled iscancelled iscanceled isrefunded refunded voided"))
"""Names of columns with a flag for void orders."""

CURRENCY_NAMES: Final = spellings("""
    currency currencycode ordercurrency pricecurrency transactioncurrency itemcurrency purchasecurrency währung
    parabirimi devise moneda""")

VALUE_NAMES: Final = spellings(
    "sessionvalue sessionrevenue sessiontotal visitvalue visitrevenue sitzungswert oturumdegeri oturumtutari"
)
"""The value of the whole session, on each of its rows."""

VALUE_OR_PRICE_NAMES: Final = spellings("""
    ordervalue ordertotal basketvalue baskettotal cartvalue carttotal totalvalue revenue total value bestellwert
    warenkorbwert gesamtwert umsatz wert siparistutari sepettutari sepettoplami geneltoplam ciro""")
"""The session value, if it is the same on all rows of a session; otherwise the value of a row."""

PRICE_NAMES: Final = spellings("""
    price unitprice itemprice productprice lineitemprice sellingprice saleprice priceusd priceinusd priceeur
    einzelpreis stückpreis artikelpreis verkaufspreis preis itemcost birimfiyati birimfiyat urunfiyati satisfiyati
    fiyati fiyat""")
"""The price of one piece. A total of the row is in ROW_TOTAL_NAMES."""

_ROW_TOTALS: Final = spellings("""
    salesvalue linetotal linevalue lineamount itemrevenue itemtotal purchaserevenue purchasevalue transactionrevenue
    orderamount grandtotal totalamount totalprice salesamount sales spend turnover eventvalue eventvalueinusd
    conversionvalue amount gesamtpreis positionswert zeilenbetrag betrag summe ordertotalamount ordersubtotal
    satirtutari satirtoplami toplamfiyat toplamtutar tutari tutar toplam""")

ROW_TOTAL_NAMES: Final = _ROW_TOTALS + VALUE_OR_PRICE_NAMES
"""Totals of rows, which include the quantity."""

ORDER_TOTAL_NAMES: Final = spellings("""
    purchaserevenue purchasevalue transactionrevenue ordervalue ordertotal orderamount total totalvalue revenue
    grandtotal baskettotal basketvalue cartvalue carttotal bestellwert warenkorbwert gesamtwert ordertotalamount
    ordersubtotal siparistutari sepettutari sepettoplami geneltoplam ciro""")
"""The total of an order, on each of its rows. Some of these are also row totals: the numbers decide which it is."""

QUANTITY_NAMES: Final = spellings("""
    quantity qty itemquantity productquantity lineitemquantity units pieces count menge anzahl stückzahl stück
    quantityrefund adet adedi urunadedi miktari miktar""")

SOURCE_WORDS: Final = frozenset(word_list("tr ti se item items product products properties ecommerce"))
"""First words of a name that only say where a column comes from: `ti_sku` is the SKU of a transaction item."""
VISITOR_WORDS: Final = frozenset(word_list("domain customer billing"))
"""First or last words of this kind for users and sessions, as in `Email (Billing)`. A customer's total is not one."""
VAGUE_NAMES: Final = frozenset(word_list("name count state status value"))
"""Names that say nothing without the source word, as in `item_count` and `tr_state`."""
