"""Difficult lines for tokenizers: every script, every kind of space, every way to break a word."""

PLAIN = """
Hello, world!
The quick brown fox jumps over the lazy dog.
I'm you're he's she'll we've they'd DON'T I'LL WE'VE you'RE It'S
don’t can’t ’tis “quoted” ‘single’ —dash– …
'''s 's 'S 't 'T 're 'RE 'll 'LL 'd 'D 'm 'M 've 'Ve
'ſ ſ K Å Ω ß ẞ ŉ ﬀ ﬁ ﬂ ﬃ ﬄ ﬅ ﬆ
0 1 12 123 1234 12345 123456 1234567 3.14159 1,000,000 1e-5 0x1F 2024-11-21
٠١٢٣٤٥٦٧٨٩ ۰۱۲۳ ०१२३४ ๐๑๒๓ １２３４ ⅠⅡⅢ ½ ¼ ² ³ ¹ ① ㊿ 𝟏𝟐𝟑 ௧௨௩ 〇一二三
abc123def456 v2.0.1b3 x86_64 H2O CO₂ m² E=mc²
a1b2c3 1a2b3c 1 2 3 4 12 34
你好，世界！今天天气很好。
我喜欢吃苹果、香蕉和橘子。中文English混合123测试
日本語のテキスト。ひらがなカタカナ漢字ｶﾀｶﾅ
한국어 텍스트입니다. 안녕하세요 세계
𠀀𠀁𪛖 㐀㐁 豈更車 ⺀⺁ ⿰ 龦
مرحبا بالعالم كيف حالك؟ ١٢٣ ، ؛ لَا إِلَٰهَ
שלום עולם בְּרֵאשִׁית בָּרָא אֱלֹהִים
สวัสดีชาวโลก ภาษาไทยไม่มีช่องว่าง ก็ได้ นี่ไง
नमस्ते दुनिया क्षत्रिय हिन्दी में पाठ १२३
বাংলা ভাষা தமிழ் மொழி తెలుగు ಕನ್ನಡ മലയാളം සිංහල
Привет, мир! Ёжик съел ещё. Ђорђе
Γειά σου Κόσμε! ΣΊΣΥΦΟΣ ς σ Σ ΐ ΰ
Türkçe İstanbul ıI iİ Iğdır ŞEKER
Tiếng Việt rất khó đọc được người ấy
Crème brûlée naïve façade Ångström São Paulo Zürich œuvre
Polski: Zażółć gęślą jaźń; Čeština: Příliš žluťoučký kůň
Հայերեն ქართული አማርኛ ᚠᛇᚻ ᏣᎳᎩ ᐃᓄᒃᑎᑐᑦ ⲁⲃⲅ ꦗꦮ
မြန်မာဘာသာ ខ្មែរ ລາວ བོད་ཡིག ᠮᠣᠩᠭᠣᠯ
😀 😃😄 👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🏴‍☠️ 🧑🏿‍🚀 👨‍💻 ❤️‍🔥 🤦🏼‍♂️
🇩🇪🇫🇷🇯🇵 🇺🇸 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🇦
1️⃣ 2️⃣ #️⃣ *️⃣ ©️ ®️ ™️ ☺︎ ☺️ ✈ ✈️
🫠🫨🫩🪿🫎🩷 🜶 𝒜𝓁𝓁 𝕊𝕥𝕪𝕝𝕖𝕤 𝔉𝔯𝔞𝔨𝔱𝔲𝔯 ⓐⓑⓒ ｆｕｌｌ ｗｉｄｔｈ
∑∏∫√∞≈≠≤≥ ∀x∈ℝ ∃y: x²≥0 → ⇒ ⟨ψ|φ⟩ ½×¾÷⅞ ∂²f/∂x²
€100 $5.00 £3 ¥1000 ₹50 ₿ 20% 5‰ §3 ¶ † ‡ • ‣ № ℃ ℉ Å
!@#$%^&*()_+-=[]{}|;':",./<>?`~
... .... !!! ??? ?! !? -- --- == === != <= >= => -> <- :: // /* */ && || ++ --
(parens) [brackets] {braces} <angles> «guillemets» „low“ 「鉤」『二重』【墨】
snake_case camelCase PascalCase kebab-case SCREAMING_SNAKE path/to/file.txt C:\\\\Windows\\\\x.dll
https://example.com/path?q=1&r=%20x#frag user@example.com @handle #hashtag
def f(x): return x**2  # comment
if (a && b) { return !c; } else { x += 1; } // end
<div class="a">text &amp; more</div> <!-- c -->
SELECT * FROM t WHERE a = 'b' AND c >= 1.5;
{"key": "value", "list": [1, 2, null, true], "n": -1.5e+10}
\\frac{1}{2} \\alpha_i^{2} $$x_{1}$$ \\n \\t \\u0041
AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
abababababababababababababab xyzxyzxyzxyzxyz thethethethethe
Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen pneumonoultramicroscopicsilicovolcanoconiosis
the The THE tHe  the   the    the
 leading space
  two leading spaces
trailing space 
trailing spaces   
 both 
a  b   c    d     e      f       g        h
▁ ▁▁ ▁▁▁ a▁b ▁leading underline▁ _ __ ___
<s> </s> <unk> <pad> <bos> <eos> <mask> <0x0A> <0xFF> <0xG0>
<|endoftext|> <|im_start|>user<|im_end|> <|begin_of_text|><|eot_id|> <|reserved_special_token_7|>
text<|endoftext|>more text<|endoftext|><|endoftext|> end
<|endoftext <|endoftext| |endoftext|> <|end<|endoftext|>oftext|> <|ENDOFTEXT|>
<s>start</s> mid <s> mid </s>end<s></s> < s> <s > </ s> <s/>
  <s>  spaced  </s>  x<unk>y  <unk>z
[INST] hello [/INST] <<SYS>> sys <</SYS>>
<start_of_turn>user hi<end_of_turn> <unused0><unused1> <unused99999>
<tool_call>{"a":1}</tool_call> <think>x</think> <file_sep> <repo_name>
<image> <lstrip> x <rstrip> y <both> z word <Word> single  solo  solos asolo solo. _solo solo_ ésolo 
Norm NORM norm nÖrm N\u0308orm
"""

ESCAPED = [
    "", " ", "  ", "   ", "\t", "\n", "\r", "\r\n", "\n\n", "\n\n\n", "\n\n\n\n\n\n\n\n", "\t\t\t", " \n ", "\n \n", " \n\n  \n\t",
    "a\nb", "a\n\nb", "a \n b", "a\n  b", "a\r\nb\r\n", "a\tb\t\tc", "\ta", "a\t", "a\n", "\na", " \ta \t", "x\r\r\n\n\r",
    "line one\nline two\n\n  indented\n\ttabbed\n", "def f():\n    return 1\n\n\nclass A:\n\tpass\n",
    "a\u00a0b", "\u00a0", "\u00a0\u00a0a", "a \u00a0 b", "a\u2003b\u2009c\u200ad", "\u3000", "全角\u3000空白", "\u3000\u3000a",
    "a\u2028b", "a\u2029b", "a\u0085b", "\u0085\u0085", "\u1680a\u1680", "a\u202fb\u205fc", "\u180ea\u180eb", "\u200ba\u200bb",
    "a\x0bb\x0cc", "\x1c\x1d\x1e\x1fa", " \u2028 \u0085 \x0b ", "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008",
    "a\u200cb\u200dc", "zero\ufeffwidth", "\ufeffbom", "soft\u00adhyphen", "\u200e\u200fmarks\u202a\u202b\u202c", "\u2066x\u2069", "\u2060wj\u2060",
    "\x00", "a\x00b", "\x01\x02\x03\x04\x05\x06\x07\x08", "\x0e\x0f\x10\x11\x12", "\x7f\x80\x81\x9f", "\x1b[31mred\x1b[0m",
    "e\u0301", "\u00e9", "e\u0301\u0327", "e\u0327\u0301", "\u1e69 s\u0323\u0307 s\u0307\u0323", "A\u030a \u212b \u00c5",
    "\u0958 \u0915\u093c", "\uac00 \u1100\u1161 \u1100\u1161\u11a8", "\u0344 \u0308\u0301", "\u0301alone", " \u0301", "a\u0300\u0301\u0302\u0303\u0304\u0305",
    "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334a\u0319\u0324\u031e\u0349\u035alg\u0320\u0322\u033c\u033b\u0331o",
    "\ufb01 \u2460 \u3392 \u33a5 \u00bd \u2126 \u212a \uff21 \u3300", "\u1e9b\u0323", "\u0130 i\u0307 I \u0131", "\u01c4\u01c5\u01c6",
    "\u32ff \ua7f2 \U0001f16c \U0001e030", "\u115f\u3164\uffa0", "\u2163 \u217a \u2180 \u3007 \u3021",
    "\ue000\ue001\uf8ff", "\U000f0000\U0010ffff", "\ufdd0\ufffe\uffff", "\U0001fffe", "\u0378\u0379 \U0003fffd \U000e0fff", "\u0e3e\u05ff",
    "\ufffd", "a\ufffdb\ufffd\ufffd", "\ufff9x\ufffay\ufffb", "\U000e0041\U000e007f", "\ufe0e\ufe0f", "\U000e0100",
    "\u08c9\u0c5d \U0001e4d0 \U00011f50\U00011f04 \U0002ebf0\U00031350 \U0001ccf0 \u1c89\u1c8a \ua7cb \u2427", "\U00016d40\U00010d40 \U0001fae8\U0001cc00",
    "a\u0897b \u1b4e\u1b4f x\U00011f02y\U000113b8", "\u0cf3 \u0ece \U0001e5f1",
    "\U0001d11e clef \U0001f600\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea\U0001f1eb", "\u263a\ufe0f\u263a",
    "word " * 60, "a" * 1000, "ab" * 700, "the " * 100 + "end", " " * 100, " " * 33 + "x", "x" + " " * 40 + "y", "\n" * 50, "\t" * 20 + "x",
    "!" * 200, "?!" * 100, "é" * 300, "日" * 200, "日本" * 150, "😀" * 60, "1" * 100, "1 " * 50, "０" * 20, "-" * 79, "=" * 80 + "\n" + "#" * 40,
    "supercalifragilisticexpialidocious" * 20, "\u0301" * 50, "a\u0301" * 50, "한" * 100, "ก" * 100, "لا" * 80,
    "x" * 50 + "<|endoftext|>" + "y" * 50, "<s>" * 10, "</s><s>" * 5, "<" * 30, "<|" * 20, "<|endoftext|>" * 4, "<unk><unk>", " <s> ", "<s> <s>", "<s>\n</s>",
    "Please provide a response.", "Below is an instruction that describes a task.\n\n### Instruction:\nPlease provide a response.\n\n### Input:\nInput.\n\n### Response:\n",
    "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n", "<start_of_turn>user\nhi<end_of_turn>\n<start_of_turn>model\n",
    "<s>[INST] <<SYS>>\nBe nice.\n<</SYS>>\n\nHi [/INST] Hello </s>", "\n<s>", "a<s>\u3000b", "  <lstrip>  <rstrip>  <both>  x", "a<lstrip>b<rstrip>c<both>d",
    "solo", " solo ", "solo solo", "solosolo", "(solo)", "solo\u0301", "\u200dsolo", "solo5", "\u00b2solo", "Solo SOLO", "NÖRM norm Norm", "norm\u00adnorm",
    "1'2''3'''s", "it''s 'tis' ''", "O'Neill's l'été d'accord", "'S'T'RE'VE'M'LL'D", " 's 't", "\n's", "x's y'S", "don't\ndon't",
    "a.b.c", "1.2.3", "a-b-c", "a_b_c", "_a_", "__init__", "a\u2014b", "a\u30fbb", "100\u202f000", "12\u00a0345", "\u0660\u0661", "1\u0661", "x\u00b2y", "\u2461a", "IV\u2163",
    "\u00ab a \u00bb", "\u201ca\u201d", "\u2018a\u2019s", "\u3001\u3002\uff01\uff1f", "\u061f\u060c", "\u055e\u055c", "\u0964\u0965", "\u16eb\u166d", "\u2e43\u2e52", "\U00011fff\u1b7f",
    " \u00e9", " \u65e5", " \U0001f600", " 1", " 12", "  12", " .", "  .", " \u00a0.", "\u00a0.", "\u00a0a", "\u2003a", "\n.", "\n1", "\r\n\r\na", ".\n\n.", ".\r\n", "!\n\n\n", ") \n", "a \r\n", "a  \n\n  b",
    "mixed \u0627\u0644\u0639\u0631\u0628\u064a\u0629 and English \u05e2\u05d1\u05e8\u05d9\u05ea 123", "\u202eevil\u202c", "\u0627\u0640\u0640\u0640", "\ufefb\ufef7", "\u064e\u064f\u0650",
    "\u0e01\u0e33\u0e48", "\u0e40\u0e41\u0e42", "\u0f40\u0f0b\u0f41", "\u1000\u1039\u1001", "\u17d2\u1780", "\u0d4d\u200d\u0d33", "\u09a4\u09cd\u200d", "\u0ba8\u0bbf",
    # Scripts and signs that tables of Unicode versions differ on, sequences longer than any merge, and what editors leave.
    "\U0001f9d1\U0001f3fe\u200d\u2764\ufe0f\u200d\U0001f48b\u200d\U0001f9d1\U0001f3fb", "\U0001f3f3\ufe0f\u200d\u26a7\ufe0f \U0001f468\U0001f3fd\u200d\U0001f9b2", "\u200d\u200d\u200d", "\U0001f3fb\U0001f3ff",
    "\u0915\u094d\u0937\u094d\u0923 \u0930\u094d\u0915 \u0995\u09cd\u09b7 \u0b95\u0bcd\u0bb7", "\u0c15\u0c4d\u0c37 \u0d15\u0d4d\u200c\u0d37 \u0dc1\u0dca\u200d\u0dbb\u0dd3", "\u1019\u103c\u1014\u103a\u1019\u102c\u1005\u102c \u1780\u17d2\u1798\u17c2\u179a",
    "\u0633\u0644\u0627\u0645\u200c\u0639\u0644\u06cc\u06a9\u0645 \u06f1\u06f4\u06f0\u06f3", "\u05d0\u05b7\u05dc\u05b0\u05e3\u0591\u05bd \u05e9\u05c1\u05dc\u05d5\u05dd\u200f!", "\u202b(\u0639\u0631\u0628\u064a)\u202c [\u05e2\u05d1\u05e8] <a>", "\u0710\u0712\u0713 \u0780\u0781\u07a6 \U0001e900\U0001e922",
    "\U00012000\U00012001 \U00013000\U00013001 \U00010330\U00010331 \U0001d400\U0001d401", "\u3042\u3099 \u304c \u30cf\u309a \u30d1", "\ufeb3\ufee0\ufe8e\ufee1", "\u1112\u1161\u11ab\u1100\u1173\u11af \ud55c\uae00",
    "\ud7b0\ud7cb \ua960", "\u2e80\u2fd5\u31c0", "\U0002f800\uf900\ufa0e", "\U000323b0\U0003ffff", "\u0870\u1aff\u2fe0 \U00010fff\U0001dfff",
    "x\u0308\u0308\u0308\u0307\u0323 q\u0307\u0323 \u0061\u0315\u0300\u05ae\u0300\u0062", "\u0061\u059a\u0316\u302a\u0062", "\u1e0b\u0323 \u1e0d\u0307", "\u03b1\u0345\u0301 \u1fb4", "\u1fef \u037e \u0387 \u2000",
    "    for (int i = 0; i < n; ++i) {\n\t\tsum += a[i]*b[i];\t// \u03a3\n    }", "#include <a.h>\r\n\r\n\tint\tmain(void)\r\n{\r\n}\r\n", "<?php echo \"$x->y[0]['z']\"; ?>", "lambda x: (x:=1)//2**-3 if x!=0 else ~x", "a<-b%in%c;`d e`::f()$g@h",
    "\x1b]0;title\x07\x08\x08\x0d\x0a", "\x00\x00\x00a\x00", "\x80\x85\xa0\xad", "\u2028\u2029\u2028", " \t \t \n\t \n ", "\u00a0 \u00a0 \u00a0a \u00a0", "a\u3000\u3000 \u3000b", "\u200a\u200b\u200a", "\u2800\u2800a",
    "3.141592653589793238462643383279", "-0.0e-00", "0b1010_0xFFu", "1'000'000", "\u0967\u0968\u0969,\u096a\u096b\u096c", "\u0e51\u0e52\u0e53.\u0e54", "\U0001d7ce\U0001d7d8\U0001d7e2\U0001d7ec\U0001d7f6", "\u2460\u2474\u2488\u24ff", "\u3220\u3280\u32c0", "1\ufe0f\u20e3" * 5,
]

LINES = [line for line in PLAIN.split("\n") if line] + ESCAPED
