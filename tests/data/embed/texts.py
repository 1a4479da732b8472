# SPDX-License-Identifier: Apache-2.0
"""The texts that make_expected.py asks the original model about: ordinary ones in many languages, and
whatever a tokenizer may trip over. All sentences were written for this list."""

ENGLISH = """
We chose PostgreSQL because of row-level security.
Which database did we pick, and why?
The deploy failed at 3 a.m. because the certificate had expired.
Remember: the staging server is called "heron", production is "osprey".
Anna prefers tabs; Ben prefers spaces; the linter decides.
Backups run every night and are kept for thirty days.
I don't like meetings before ten o'clock.
The cat sat on the mat.
A feline was resting on a rug.
Rate limits: 100 requests per minute per token.
She sells sea shells by the sea shore, doesn't she?
It's raining cats and dogs -- bring an umbrella!
Use exponential back-off with jitter when the queue is full.
My sister's birthday is on 14 March; she likes orchids.
The quarterly report is due on Friday, not Thursday.
Turn the valve clockwise until the pressure drops below 2.5 bar.
Unbelievably, the antidisestablishmentarianism debate went on for hours.
He re-signed the contract; he did not resign.
to be or not to be
HELLO, WORLD! THIS IS SHOUTING.
hello, world! this is not shouting.
hElLo WoRlD
The function returns -1 on error and sets errno.
Coffee at the corner of 5th & Main costs $3.75.
Never deploy on a Friday afternoon.
Memory is the residue of thought.
What is the airspeed velocity of an unladen swallow?
We will migrate the billing service in week 37.
The password policy requires twelve characters.
TODO: ask Priya about the invoice numbers.
Two plus two is four, minus one that's three.
The meeting was moved from Tuesday to Wednesday because the room was taken.
Do not use the legacy endpoint; it drops the last record of every page.
Tea, no milk. Two sugars. Thank you.
The train leaves from platform nine at a quarter past six.
Garbage collection pauses were under five milliseconds.
The user wants dark mode everywhere.
My favourite colour is green, though grey is fine too.
An index on (tenant, created_at) made the query forty times faster.
x
I
a b c d e f g h i j k l m n o p q r s t u v w x y z
""".strip().split("\n")

LONGER = [
    "The outage began when a routine change to the load balancer removed the health check of one "
    "pool. Traffic kept flowing to machines that had already been shut down, and retries from the "
    "mobile application multiplied the load on those that were left. We restored the check after "
    "forty minutes, replayed the lost events from the queue, and agreed that such changes need a "
    "second pair of eyes.",
    "For the garden we decided on three raised beds along the southern wall, one for herbs, one "
    "for salad and one for whatever the children want to try. The soil comes from the composter "
    "behind the shed; it needs to be mixed with sand, because the clay holds too much water in "
    "spring. Tomatoes go against the wall itself, where the bricks keep the warmth overnight.",
    "When you review a change, read the tests first. They say what the author believes the code "
    "does, and the gaps between them say what the author did not think of. Then read the code from "
    "the outside in: its interface, its errors, its limits, and last of all its loops.",
    "Our on-call rota has four people. Each has a week from Monday noon to Monday noon, carries "
    "the phone, and does no project work. Hand-over is a call of fifteen minutes with the list of "
    "open alerts. Whoever was woken at night starts later the next day, without asking.",
    "The recipe: 500 g flour, 10 g salt, 350 g water, a little yeast. Mix, rest twenty minutes, "
    "fold four times over two hours, shape, and leave in the fridge overnight. Bake at 250 degrees "
    "for twenty minutes with steam, then at 220 for another twenty-five without.",
]

LANGUAGES = """
Wir haben uns für PostgreSQL entschieden, weil es Zeilensicherheit bietet.
Die Straße ist naß, und die Füße werden kalt.
GROSSE ÄPFEL, ÖL UND ÜBERMUT: ẞ und ß.
Le déploiement a échoué à cause d'un certificat expiré.
L'été dernier, nous étions à la plage où il faisait très chaud.
¿Dónde está la biblioteca? ¡Aquí mismo!
El niño comió una piña mañana por la mañana.
A reunião foi adiada para amanhã às três horas da tarde.
Zażółć gęślą jaźń, powiedział łoś.
Příliš žluťoučký kůň úpěl ďábelské ódy.
Blåbærsyltetøy og rømmegrøt på søndag.
Hyvää päivää, missä on lähin rautatieasema?
İstanbul'da hava bugün çok güzel, değil mi?
IĞDIR ılıman ve İzmir sıcak.
Ελληνικά: ΟΔΥΣΣΕΥΣ ΚΑΙ ΣΙΣΥΦΟΣ ΣΤΗΝ ΟΔΟΣ
Ὁ ἄνθρωπος τῷ λόγῳ διαφέρει.
Мы выбрали базу данных из-за безопасности строк.
Ёжик в тумане пошёл домой, Йод на полке.
Українська мова має літеру ї та ґ.
Здравейте, къде е най-близката аптека?
Այսօր եղանակը լավ է։
საქართველოს დედაქალაქია თბილისი
我们选择这个数据库是因为它的行级安全。
會議改到星期三下午三點。
今天天气很好,我们去公园吧!
北京2024年的冬天很冷
明日の会議は午後三時に変更されました。
カタカナとひらがなと漢字を混ぜた文です。
ガギグゲゴ パピプペポ ヴ
ﾊﾝｶｸ ｶﾀｶﾅ
우리는 행 수준 보안 때문에 이 데이터베이스를 골랐다.
오늘 저녁은 김치찌개입니다.
각 갂 힣 ㄱㄴㄷ
اخترنا قاعدة البيانات هذه بسبب أمان الصفوف.
مُحَمَّدٌ كَتَبَ الرِّسَالَةَ
این جلسه به فردا موکول شد، می‌دانید؟
یہ اردو میں ایک جملہ ہے۔
בחרנו במסד הנתונים בגלל אבטחה ברמת השורה.
בְּרֵאשִׁית בָּרָא
เราเลือกฐานข้อมูลนี้เพราะความปลอดภัยระดับแถว
วันนี้อากาศร้อนมาก
हमने यह डेटाबेस सुरक्षा के कारण चुना।
क़िला ज़मीन फ़र्क़
আমরা আজ বাজারে যাব।
நாங்கள் நாளை வருவோம்.
ఈ రోజు వర్షం పడింది.
ಬೆಂಗಳೂರು ದೊಡ್ಡ ನಗರ.
മലയാളം ഒരു ഭാഷയാണ്.
ਪੰਜਾਬੀ ਬੋਲੀ
ગુજરાતી ભાષા
සිංහල භාෂාව
မြန်မာဘာသာ
ភាសាខ្មែរ
ພາສາລາວ
བོད་སྐད་
አማርኛ ቋንቋ ነው።
Tiếng Việt có nhiều dấu: ă â đ ê ô ơ ư ạ ả ấ ầ.
Ég tala íslensku, þú talar ensku.
Gaeilge: tá an aimsir go breá, ní hea?
Esperanto: ĉiuj ĝojas ĵaŭde ŝi
Mixed: hello 世界, привет мир, שלום عالم!
""".strip().split("\n")

CODE = [
    "int main(void)\n{\n    return 0;\n}",
    "def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)",
    "for (size_t i = 0; i < n; i++)\n\tsum += a[i] * b[i];",
    "SELECT id, name FROM users WHERE tenant = ?1 AND deleted IS NULL ORDER BY id LIMIT 10;",
    "git commit -am 'fix: off-by-one' && git push --force-with-lease origin HEAD",
    "#include <stdio.h>\n#define MAX(a,b) ((a)>(b)?(a):(b))",
    '{"id": 17, "tags": ["a b", "c%d"], "nested": {"x": null, "y": [1.5e-3, true]}}',
    "<div class=\"card\"><a href='/x?y=1&amp;z=2'>link</a></div>",
    "const f = async (x) => { await g(`${x}\\n`); };",
    "curl -sS -H 'Accept: application/json' http://127.0.0.1:8765/api/health | jq .status",
    "https://example.org/path/to/page?query=memory&lang=en#section-2",
    "user.name+tag@mail.example.co.uk",
    "C:\\Users\\me\\AppData\\Local\\Temp\\file_01.tmp",
    "/var/log/memoryd/2026-01-31T23:59:59Z.log",
    "std::unordered_map<std::string, std::vector<int>> table_;",
    "SIGSEGV at 0x7ffd4a3c9e10 in malloc_consolidate+0x1f3",
    "snake_case camelCase PascalCase kebab-case SCREAMING_SNAKE",
    "a=b+c*d/e%f^g|h&i~j!k<l>m?n:o;p,q.r",
    "rgb(255,128,0) #ff8000 100% 10px 1.25em",
    "192.168.0.1 fe80::1%eth0 10.0.0.0/8",
    "550e8400-e29b-41d4-a716-446655440000",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "QmFzZTY0IGlzIG5vdCBlbmNyeXB0aW9uLg==",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "# Title\n\n- item *one*\n- item **two**\n\n```sh\nls -la\n```",
    "\\frac{a}{b} + \\sum_{i=0}^{n} x_i^2",
    "E = mc², H₂O, x ≤ y ≠ z, ∀x∃y, √2 ≈ 1.414, ∞",
]

NUMBERS = [
    "0", "7", "42", "1234567890", "3.14159", "1,000,000", "-273.15", "6.022e23", "0x1F",
    "12:34:56", "2026-05-16", "16.05.2026", "+49 (0)30 1234-5678", "1st 2nd 3rd 4th", "50%",
    "٠١٢٣٤٥٦٧٨٩", "०१२३", "½ ¼ ¾", "① ② ③", "Ⅷ ⅷ", "１２３ ＡＢＣ", "10⁻⁹", "1/2", "1_000",
    "9" * 99, "9" * 100, "9" * 101,
]

PUNCTUATION = [
    ".", "...", "!?", "-", "--", "—", "“quoted” ‘single’ «guillemets» „low“", "a.b.c", "a-b-c",
    "...---...", "!!!!!!!!!!!!!!!!!!!!", "((((((()))))))", "$ € £ ¥ ₹ ₿", "@#%^&*_+={}[]|\\:;\"'<>,/?`~",
    "¡¿§¶†‡•…‰′″‹›⁂", "、。「」『』【】〜・", "！？（），．：；", "؟ ، ؛", "। ॥", "\u037e \u0387",
    "a\u00b7b", "©®™°±×÷", "→ ← ↑ ↓ ⇒ ⟶", "■□▲△●○★☆", "│┌┐└┘─", "a\u2010b\u2011c\u2012d\u2013e\u2014f",
    "\u2e3a\u2e43\u2e52", "don't won't it's o'clock rock'n'roll", "#hashtag @mention",
]

SPACES = [
    "", " ", "   ", "\t", "\n", "\r\n", " \t\n ", "a  b", " a ", "\ta\nb\r\nc\r", "a\u00a0b",
    "a\u3000b", "a\u2003b\u2009c", "a\u2028b\u2029c", "a\u202fb\u205fc", "a\u1680b", "a\u200bb",
    "a\u200cb\u200dc", "\ufeffhello", "a\u2060b", "soft\u00adhyphen", "a\u0085b", "a\u000bb\u000cc",
    "a\u0000b", "bell\u0007 and escape\u001b[31mred\u001b[0m", "del\u007fete", "a\u0080\u009fb",
    "x\ufffdy", "\u202eright to left\u202c", "a\u200eb\u200fc", "\u2066isolate\u2069",
    "private \ue000\uf8ff use", "\U000e0001tag\U000e0020", "\ufdd0\uffff\U0010ffff",
    "unassigned \u0378 \u0530 \U0001fbff",
]

ACCENTS = [
    "café", "cafe\u0301", "naïve façade", "nai\u0308ve fac\u0327ade", "Å \u212b A\u030a",
    "\u1e9b\u0323", "q\u0307\u0323 q\u0323\u0307", "e\u0301\u0302\u0303\u0304", "\u0301alone",
    "a" + "\u0301" * 60, "Z\u0351\u036b\u0343a\u0350lg\u0322o\u0336", "ﬁ ﬂ ﬀ ﬃ", "ǅ ǆ Ǆ",
    "Œuvre œuf Æsir æon", "ſ long s", "K kelvin \u212a", "Ω ohm \u2126", "µ μ", "İ I ı i",
    "i\u0307 I\u0307", "ŁÓDŹ łódź", "Đ đ Ø ø Ħ ħ", "ΑΣ ΑΣΑ Σ ΣΣ ας", "ǰ ΐ ΰ", "ŉ", "\u0345",
    "\u1fb3 \u1fbc", "\uac00 \u1100\u1161", "\uf900 \u2f800", "\U0002f800", "か\u3099 が",
    "\u05e9\u05c1 \ufb2a", "\u0958 \u0915\u093c", "\u1734 \u1715\u1734", "\u302e\u302f", "\u20dd o\u20dd",
]

EMOJI = [
    "😀", "I ❤️ memory", "I ❤ memory", "👍🏽", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪 🇫🇷", "1️⃣ 2️⃣", "🤣🤣🤣", "🥰", "🫠 🫡",
    "done ✅ failed ❌", "☕ at 9", "text😀glued😀together", "¯\\_(ツ)_/¯", "( ͡° ͜ʖ ͡°)", "🧠💾", "🚀" * 50,
]

IDEOGRAPHS = [
    "\u4e00", "\u9fff", "\u3400\u4dbf", "\u4dc0", "\U00020000\U0002a6df", "\U0002a700", "\U0002b81f",
    "\U0002b820", "\U0002b820\U0002b821", "\U0002b91f\U0002b920", "\U0002ceaf\U0002ceb0", "\U00030000",
    "a\u4e2db", "\u4e2d\u6587\u3002", "\u3007", "\u3005\u3006", "\u2e80\u2f00",
]

WORDS = [
    "a" * 99, "a" * 100, "a" * 101, "ä" * 100, "ä" * 101, "中" * 120, "\u0301".join("a" * 100),
    "a\u0301" * 101, "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch",
    "pneumonoultramicroscopicsilicovolcanoconiosis", "supercalifragilisticexpialidocious",
    "qwertzuiopü", "xqzjkvw", "unaffable", "tokenization", "embeddings", "##ing", "ing", "un##affable",
    "word" + "\u0561" + "word", "zzzzzzzzzz", "x" * 5000, "hello" + "\ufffd" * 10 + "world",
]

SPECIAL = [
    "[SEP]", "[CLS]", "[PAD]", "[UNK]", "[MASK]", "[sep]", "[Sep]", "[ SEP ]", "[SEP", "SEP]", "[[SEP]]",
    "a[SEP]b", "a [SEP] b", "[CLS] question [SEP] answer [SEP]", "The capital of France is [MASK].",
    "[SEP][SEP][SEP]", "[unused0] [unused1]", "[UNK]known", "e[SEP]\u0301", "[PAD] [PAD] text",
    "[MASK]ing", "中[CLS]文", "[SE\u200bP]", "[\u200bSEP]",
]

TRUNCATED = [
    "word " * 253, "word " * 254, "word " * 255, "word " * 256, "word " * 1000,
    "tokenization " * 126, "tokenization " * 127, "tokenization " * 128, "unaffable " * 100,
    "a." * 127, "a." * 128, "." * 300, "中" * 254 + "文", "😀 " * 260, "[SEP] " * 300,
    "x " + "antidisestablishmentarianism " * 60, "a " * 253 + "unaffable", "a " * 252 + "unaffable end",
    "a " * 253 + "tokeni\u0561zation",
]


def of_length(n, sentences):
    """A text of exactly n characters out of whole sentences, the last one cut."""
    text = ""
    i = 0
    while len(text) < n:
        text += sentences[i % len(sentences)] + " "
        i += 1
    return text[:n]


SIZED = [of_length(n, ENGLISH) for n in (100, 500, 1000, 2000, 10000)] + [
    of_length(10000, LANGUAGES),
    of_length(10000, CODE),
    of_length(3000, LONGER),
]

ALL = (ENGLISH + LONGER + LANGUAGES + CODE + NUMBERS + PUNCTUATION + SPACES + ACCENTS + EMOJI +
       IDEOGRAPHS + WORDS + SPECIAL + TRUNCATED + SIZED)
