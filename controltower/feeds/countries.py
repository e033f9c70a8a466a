"""Countries as carriers write them: two letters, three letters (ISO 3166), or a name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from importlib import resources

#: The three letters of each country, and its two behind them.
_BY_THREE_LETTERS = """
ABWAW AFGAF AGOAO AIAAI ALAAX ALBAL ANDAD AREAE ARGAR ARMAM ASMAS ATAAQ ATFTF ATGAG AUSAU AUTAT AZEAZ
BDIBI BELBE BENBJ BESBQ BFABF BGDBD BGRBG BHRBH BHSBS BIHBA BLMBL BLRBY BLZBZ BMUBM BOLBO BRABR BRBBB
BRNBN BTNBT BWABW CAFCF CANCA CCKCC CHECH CHLCL CHNCN CIVCI CMRCM CODCD COGCG COKCK COLCO COMKM CPVCV
CRICR CUBCU CUWCW CXRCX CYMKY CYPCY CZECZ DEUDE DJIDJ DMADM DNKDK DOMDO DZADZ ECUEC EGYEG ERIER ESHEH
ESPES ESTEE ETHET FINFI FJIFJ FLKFK FRAFR FROFO FSMFM GABGA GBRGB GEOGE GGYGG GHAGH GIBGI GINGN GLPGP
GMBGM GNBGW GNQGQ GRCGR GRDGD GRLGL GTMGT GUFGF GUMGU GUYGY HKGHK HNDHN HRVHR HTIHT HUNHU IDNID IMNIM
INDIN IOTIO IRLIE IRNIR IRQIQ ISLIS ISRIL ITAIT JAMJM JEYJE JORJO JPNJP KAZKZ KENKE KGZKG KHMKH KIRKI
KNAKN KORKR KWTKW LAOLA LBNLB LBRLR LBYLY LCALC LIELI LKALK LSOLS LTULT LUXLU LVALV MACMO MAFMF MARMA
MCOMC MDAMD MDGMG MDVMV MEXMX MHLMH MKDMK MLIML MLTMT MMRMM MNEME MNGMN MNPMP MOZMZ MRTMR MSRMS MTQMQ
MUSMU MWIMW MYSMY MYTYT NAMNA NCLNC NERNE NFKNF NGANG NICNI NIUNU NLDNL NORNO NPLNP NRUNR NZLNZ OMNOM
PAKPK PANPA PCNPN PERPE PHLPH PLWPW PNGPG POLPL PRIPR PRKKP PRTPT PRYPY PSEPS PYFPF QATQA REURE ROURO
RUSRU RWARW SAUSA SDNSD SENSN SGPSG SGSGS SHNSH SJMSJ SLBSB SLESL SLVSV SMRSM SOMSO SPMPM SRBRS SSDSS
STPST SURSR SVKSK SVNSI SWESE SWZSZ SXMSX SYCSC SYRSY TCATC TCDTD TGOTG THATH TJKTJ TKLTK TKMTM TLSTL
TONTO TTOTT TUNTN TURTR TUVTV TWNTW TZATZ UGAUG UKRUA UMIUM URYUY USAUS UZBUZ VATVA VCTVC VENVE VGBVG
VIRVI VNMVN VUTVU WLFWF WSMWS YEMYE ZAFZA ZMBZM ZWEZW
"""
#: Names beside those of the time zone database, which has the usual English ones.
_OTHER_NAMES = {
    "UK": "GB",
    "UNITED KINGDOM": "GB",
    "GREAT BRITAIN": "GB",
    "ENGLAND": "GB",
    "UNITED STATES OF AMERICA": "US",
    "DEUTSCHLAND": "DE",
    "ALLEMAGNE": "DE",
    "ÖSTERREICH": "AT",
    "SCHWEIZ": "CH",
    "SUISSE": "CH",
    "FRANKREICH": "FR",
    "BELGIË": "BE",
    "BELGIQUE": "BE",
    "NEDERLAND": "NL",
    "THE NETHERLANDS": "NL",
    "NIEDERLANDE": "NL",
    "ITALIA": "IT",
    "ITALIEN": "IT",
    "ESPAÑA": "ES",
    "SPANIEN": "ES",
    "POLSKA": "PL",
    "SVERIGE": "SE",
    "NORGE": "NO",
    "DANMARK": "DK",
    "SUOMI": "FI",
    "CZECHIA": "CZ",
    "REPUBLIC OF KOREA": "KR",
    "VIET NAM": "VN",
    "TÜRKIYE": "TR",
    "HONG KONG SAR": "HK",
}


def country_code(written: str) -> str:
    """The two letters of a country; what is none stays as it is, in capitals."""
    name = written.strip().upper()
    return _names().get(name, name)


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    names = {entry[:3]: entry[3:] for entry in _BY_THREE_LETTERS.split()}
    return names | {name.upper(): code for code, name, *_ in zone_rows("iso3166.tab")} | _OTHER_NAMES


def zone_rows(table: str) -> Iterator[list[str]]:
    """The rows of a table of the time zone database."""
    text = (resources.files("tzdata") / "zoneinfo" / table).read_text(encoding="utf-8")
    return (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
