"""Names of extra columns: what they describe, and names of columns that must not be used.

A name is compared word by word and in runs of words, so `utm_source`, `UTM Source` and `utmSource` are one name. All
words are normalized (see `log_column.normalize`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from core.ingestion.mapping import column_names as names
from core.ingestion.mapping.column_names import spellings
from core.ingestion.mapping.log_column import name_words, normalize
from core.own_columns import Kind, Level

_MAX_RUN: Final = 4
"""Words of a name that are compared together."""
_LONGEST_NAME: Final = 40
"""Characters of the name of an own column."""


@dataclass(frozen=True)
class Hint:
    """Level and kind that the name of a column suggests; None if it suggests nothing."""

    level: Level | None = None
    kind: Kind | None = None


def _hints(level: Level, kind: Kind | None, words: str) -> dict[str, Hint]:
    return dict.fromkeys(spellings(words), Hint(level, kind))


_HINTS: Final[dict[str, Hint]] = {
    **dict.fromkeys(names.CATEGORY_NAMES, Hint("product", "category")),
    **_hints(
        "product",
        "category",
        """brand brandname marke markenname marka manufacturer hersteller üretici vendor supplier lieferant tedarikçi
        seller merchant satici verkäufer händler colour color farbe renk size größe beden material saison sezon season
        commodity subcategory unterkategorie altkategori variant itemvariant itembrand packagesize packung productline
        collection kollektion koleksiyon""",
    ),
    **_hints("product", "number", "weight gewicht ağırlık rating bewertung puan reviewcount stock lagerbestand stok"),
    **_hints("product", "money", "listprice baseprice regularprice originalprice msrp uvp rrp listenpreis listefiyati"),
    **_hints("product", "time", "launchdate launchedat releasedate releasedat erscheinungsdatum markteinführung"),
    **dict.fromkeys(names.PRICE_NAMES, Hint("event", "money")),
    **dict.fromkeys(names.QUANTITY_NAMES, Hint("event", "number")),
    **_hints("event", "number", "discountpercent discountpct discountrate rabattprozent indirimorani"),
    **_hints("event", "money", "discount discountamount rabatt nachlass indirim indirimtutari"),
    **_hints("event", "category", "pagetype seitentyp sayfatipi listname placement"),
    **_hints(
        "session",
        "category",
        """device devicetype devicecategory devicebrand devicemodel gerät gerätetyp cihaz cihaztipi cihazturu browser
        browsername tarayıcı os osname operatingsystem betriebssystem işletimsistemi platform plattform channel
        saleschannel channelgroup channelgrouping kanal vertriebskanal satiskanali source trafficsource quelle kaynak
        medium campaign campaignname kampagne kampanya utmsource utmmedium utmcampaign utmterm utmcontent country
        countrycode land ülke region bundesland bölge city stadt şehir il language sprache dil locale appversion
        screensize screenresolution bildschirm store storeid branch filiale mağaza şube referrerdomain""",
    ),
    **_hints("session", "flag", "ismobile mobile mobil isnewvisitor newvisitor isnewuser loggedin isloggedin"),
    **_hints("session", "number", "visitnumber sessionnumber gasessionnumber sessionindex visitcount"),
    **_hints(
        "user",
        "category",
        """gender sex geschlecht cinsiyet segment usersegment customersegment kundensegment müşterisegmenti
        kundengruppe customergroup customertype kundentyp müşteritipi loyaltytier loyaltylevel tier membership
        memberlevel üyelik üyeliktipi income einkommen gelir maritalstatus familienstand medenidurum homeownership
        householdcomp agegroup agerange altersgruppe yaşgrubu persona cohort""",
    ),
    **_hints("user", None, "age alter yaş householdsize kidscount"),
    **_hints(
        "user",
        "time",
        """signupdate signedupat registrationdate registeredat registrierungsdatum anmeldedatum kundeseit membersince
        kayittarihi üyeliktarihi""",
    ),
    **_hints("user", "flag", "newsletter subscriber abonnent issubscriber ismember isvip"),
}
"""Run of words in a name -> what the column describes. Of several, the longest decides."""

_USER_WORDS: Final = frozenset(spellings("user customer member client kunde kunden nutzer kullanıcı müşteri üye"))
"""First words of names such as `customer_country`, which describe the user although a country describes the session."""
_FLAG_WORDS: Final = frozenset({"is", "has", "in"})
"""First words of names such as `in_stock`."""
_MONEY_WORDS: Final = frozenset(spellings("price preis fiyat fiyatı cost kosten maliyet discount rabatt indirim"))
_CODE_WORDS: Final = frozenset(spellings("id code kod kodu type typ tip tür class klasse sınıf group gruppe grup key"))
"""Words of columns whose numbers are categories."""
_TIME_WORDS: Final = frozenset(spellings("date datum tarih tarihi time timestamp zeit zeitpunkt zaman zamani at"))
_ID_WORDS: Final = frozenset(spellings("id uuid guid hash token cookie fingerprint key"))
"""Words of columns that identify something."""
_ROLE_ID_NAMES: Final = frozenset(
    name for role_names in (names.USER_NAMES, names.SESSION_NAMES, names.PRODUCT_NAMES) for name in role_names
)

_VALUE_AND_ORDER_NAMES: Final = frozenset(
    (*names.VALUE_NAMES, *names.VALUE_OR_PRICE_NAMES, *names.ROW_TOTAL_NAMES, *names.ORDER_NAMES, *names.STATUS_NAMES)
)
_AFTERWARDS: Final = _VALUE_AND_ORDER_NAMES.difference({"name", "state"}).union(
    spellings("""
    order orders ordered transaction transactions purchase purchases purchased bought buyer payment payments paid
    invoice billing receipt basket refund refunded refunds return returned tax taxes vat mwst kdv shipping shipped
    shipment delivery delivered fulfillment fulfilment coupon coupons voucher checkout status revenue turnover total
    totals subtotal profit margin conversion conversions converted bounce bounced bounces exit exits duration
    timeonpage timeonsite dwell pageviews hits ltv clv lifetime label target outcome cancelled canceled void voided
    bestellung bestell auftrag zahlung bezahlt rechnung steuer versand lieferung gutschein umsatz gesamt retoure
    erstattung storniert gewinn sipariş ödeme fatura iade vergi kargo teslimat kupon ciro toplam durum durumu kar""")
)
"""Words of what is known only after the purchase or at the end of the session."""
_AFTERWARDS_STEMS: Final = spellings("revenue umsatz payment zahlung odeme refund erstattung shipping versand bestell "
    "siparis transaction gutschein kupon rechnung fatura conversion ordertotal orderid orderstatus sessionvalue "
    "sessiontotal sessionduration visitduration")  # fmt: skip
"""Parts of compound words with the same meaning."""

_PERSONAL: Final = frozenset(
    spellings("""
    email mail eposta phone telephone telefon tel gsm mobilephone mobilenumber handy handynummer firstname lastname
    fullname surname vorname nachname ad soyad soyadi adsoyad adi isim username customername recipient contactname
    billingname shippingname kundenname müşteriadi name address addresses adresse anschrift adres street straße sokak
    cadde zip zipcode postcode postal postalcode postleitzahl plz postakodu ip ipaddress ipadresse ipadresi birth
    birthday birthdate birthyear dob dateofbirth geburtsdatum geburtstag doğumtarihi latitude longitude lat lon lng
    iban passport ssn tckn creditcard cardnumber""")
)
"""Words of personal data. `name` and the Turkish `ad` are only taken as whole names."""
_ONLY_WHOLE: Final = frozenset({"name", "ad", "adi", "isim", "mail", "tel", "il", "land", "alter", "os", "kar", "label",
    "target", "return", "basket", "source", "medium", "tier", "size", "mobile", "mobil"})  # fmt: skip
_PERSONAL_STEMS: Final = spellings("email eposta telefon vorname nachname geburts anschrift")

_INDEX_NAMES: Final = frozenset(
    spellings("index idx unnamed0 unnamed rowid rownum rownumber rowno row zeile zeilennummer satırno sırano lfdnr")
)
_TIME_PARTS: Final = frozenset(
    spellings("""
    year quarter month week weekday dayofweek day dayofmonth hour minute weekofyear weekno weeknumber jahr quartal
    monat woche kalenderwoche wochentag tag stunde yil ay hafta gün haftaningunu saat dayname monthname""")
)
_FOLDED_TIME_NAMES: Final = frozenset(names.TIME_NAMES)


def hint_of(name: str) -> Hint:
    """Return what the name of a column says about its level and kind.

    >>> hint_of("items.item_brand"), hint_of("utmSource").level, hint_of("xyz")
    (Hint(level='product', kind='category'), 'session', Hint(level=None, kind=None))
    """
    run = max((run for run in _runs(name) if run in _HINTS), key=len, default="")
    if run:
        hint = _HINTS[run]
        first_word = name_words(name)[0]
        level: Level | None = "user" if hint.level == "session" and first_word in _USER_WORDS else hint.level
        return Hint(level, "flag" if first_word in _FLAG_WORDS else hint.kind)
    kinds: dict[Kind, frozenset[str]] = {"money": _MONEY_WORDS, "time": _TIME_WORDS, "category": _CODE_WORDS}
    return Hint(None, next((kind for kind, words in kinds.items() if _has(name, words)), None))


def is_known_afterwards(name: str) -> bool:
    """Return whether the name is that of something known only after a purchase, or at the end of the session.

    >>> is_known_afterwards("Order Total"), is_known_afterwards("siparis_no"), is_known_afterwards("reorder_point")
    (True, True, False)
    """
    hints = [run for run in _runs(name) if run in _HINTS]
    runs = [run for run in _runs(name) if run in _AFTERWARDS and not any(run in hint for hint in hints)]
    return bool(runs) or any(stem in normalize(name) for stem in _AFTERWARDS_STEMS)


def is_personal(name: str) -> bool:
    """Return whether the name is that of personal data.

    >>> is_personal("Billing Street"), is_personal("IP"), is_personal("item_name"), is_personal("zip_file")
    (True, True, False, True)
    """
    return _has(name, _PERSONAL) or any(stem in normalize(name) for stem in _PERSONAL_STEMS)


def is_index(name: str) -> bool:
    """Return whether the name is that of row numbers."""
    return normalize(name) in _INDEX_NAMES


def is_event_time(name: str) -> bool:
    """Return whether the name is that of the event's time or of a part of it, such as its weekday."""
    normalized = normalize(name)
    return normalized in _FOLDED_TIME_NAMES or normalized.removeprefix("event") in _TIME_PARTS


def is_session(name: str) -> bool:
    """Return whether the name is that of session ids."""
    return normalize(name) in names.SESSION_NAMES


def is_id(name: str) -> bool:
    """Return whether the name is that of an id."""
    return normalize(name) in _ROLE_ID_NAMES or _has(name, _ID_WORDS)


def own_name(name: str, taken: set[str]) -> str:
    """Return a name for an own column that is not taken: at most 40 lower-case letters, digits and underscores.

    >>> own_name("Ürün Markası", set()), own_name("items.itemBrand", {"items_item_brand"}), own_name("2nd", set())
    ('urun_markasi', 'items_item_brand_2', 'column_2nd')
    """
    words = "_".join(name_words(name)) or "column"
    base = (words if words[0].isalpha() else f"column_{words}")[:_LONGEST_NAME].rstrip("_")
    unique, number = base, 1
    while unique in taken:
        number += 1
        suffix = f"_{number}"
        unique = base[: _LONGEST_NAME - len(suffix)] + suffix
    return unique


def _runs(name: str) -> list[str]:
    """Return the normalized name, its words, and runs of words. Ambiguous words are left out unless they are all."""
    words = name_words(name)
    whole = normalize(name)
    runs = {
        "".join(words[start : start + length])
        for length in range(1, _MAX_RUN + 1)
        for start in range(len(words) - length + 1)
    }
    return [whole, *(run for run in runs if run != whole and run not in _ONLY_WHOLE)]


def _has(name: str, words: frozenset[str]) -> bool:
    return any(run in words for run in _runs(name))
