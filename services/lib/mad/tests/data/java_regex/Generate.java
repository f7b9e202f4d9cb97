import java.util.*;
import java.util.regex.*;

/** Writes what java.util.regex makes of patterns and texts, a JSON line a pattern: java Generate.java > cases.jsonl (JDK 17). */
public class Generate {
    static final String[] PATTERNS = {
        "", "a", "a|ab", "(a|ab)(c|bcd)(d*)", "a**", "a{2}{3}", "{", "{1}", "a{,3}", "a{1,}b", "a{1,2}?", "a++a", "a?+a", "\\1(a)", "(a)\\2", "(a)\\1", "(a)(b)\\21", "(?<x>a)\\k<x>", "\\k<x>(?<x>a)",
        "[^a[b]]", "[]a]", "[a-]", "[-a]", "[a-c&&b-d]", "[a-c&&[^b]]", "[a&&&b]", "[&&a]", "[a&&]", "[a&b]", "[^a-c&&b-d]", "[a[b-c]d]", "[a-\\d]", "[\\d-z]", "[[a]", "[a", "[a-", "[z-a]", "[\\]]", "[\\\\]", "[.]", "[$^]", "[a^]", "[ab&&bc&&b]",
        "(?m)^", "(?m)$", "^", "$", "\\Z", "\\z", "\\A", "(?m)^a$", "(?d)$", "(?md)^.", "(?dm)$", "(?d).", ".", "(?s).", "\\R", "\\R\\n", "\\h", "\\H", "\\v", "\\V", "\\s", "\\S", "\\w", "\\W", "\\d", "\\D", "(?U)\\w+", "(?U)\\d", "(?U)\\s", "(?U)\\b", "\\b", "\\B", "\\b\\w+\\b",
        "(?i)k", "(?i)[k]", "(?i)[^k]", "(?iu)k", "(?iu)[a-z]", "(?i)[a-z]", "(?i)é", "(?iu)é", "(?i)\\p{Lu}", "(?i)\\p{Lower}", "(?i)\\p{Upper}", "(?i)(a)\\1", "a(?i)b|c", "a(?i:b)c", "(?i)a(?-i)b", "((?i)a)b", "(?i)\\x61", "(?i)ß", "(?iu)ß", "(?i)[\\w&&[^a]]",
        "\\Qa.b\\E+", "\\Qa.b", "a\\Q*\\Eb", "\\Q\\E", "[\\Q]\\Ea]", "\\E", "\\\\Q", "\\Q\\\\E", "(?x) a b # c\n d", "(?x)[a b]", "(?x)a\\ b", "(?x)a +", "(?x)\\Q a\\E", "(?x)( ?:a)b", "(?xd)a#b\rc",
        "\\t\\n\\r\\f\\a\\e", "\\cA", "\\c@", "\\ca", "\\0101", "\\07", "\\0377", "\\0400", "\\08", "\\x41", "\\x4", "\\u0041", "\\uD83D\\uDE00", "\\x{1F600}", "\\x{110000}", "\\x{41", "\\_", "\\-", "\\/", "\\y", "\\i", "\\8", "\\.",
        "\\p{L}", "\\pL+", "\\PL", "\\p{Lu}", "\\p{IsLu}", "\\p{IsL}", "\\p{gc=Nd}", "\\p{general_category=Nd}", "\\p{sc=Greek}", "\\p{script=latin}", "\\p{IsGreek}", "\\p{IsAlphabetic}", "\\p{IsWhite_Space}", "\\p{IsPunctuation}", "\\p{IsHex_Digit}", "\\p{Lower}", "\\p{Upper}", "\\p{Alpha}", "\\p{Digit}", "\\p{Alnum}", "\\p{Punct}", "\\p{Graph}", "\\p{Print}", "\\p{Blank}", "\\p{Cntrl}", "\\p{XDigit}", "\\p{Space}", "\\p{ASCII}", "\\p{L1}", "\\p{LD}", "\\p{LC}", "\\P{Lower}", "[^\\p{L}]", "[\\p{L}&&[^\\p{Lu}]]", "\\p{javaLetter}", "\\p{javaLowerCase}", "\\p{javaWhitespace}", "\\p{foo}", "\\p{IsFoo}", "\\p{}", "\\p", "\\p{L", "(?U)\\p{Lower}", "(?U)\\p{Punct}", "(?U)\\p{Alpha}", "(?U)\\p{Graph}", "(?U)\\p{Print}",
        "(?=a)", "a(?=b)", "a(?!b)", "(?<=a)b", "(?<!a)b", "(?<=ab|c)d", "(?<=a{1,3})b", "(?>a|ab)c", "(?>a+)ab", "(?:a|b)+", "(a)|(b)", "(a)?b", "(a|b)*", "(a|b)*?b", "(?<a>x)(?<b>y)", "(?<a>x)(?<a>y)", "(?<1a>x)", "(?<a", "(", ")", "a)", "()", "(|a)", "a||b", "|", "(?", "(?z)a", "(?#x)a", "(?P<a>x)", "(?i", "*", "+a", "a|*", "^*a", "$+", "(?=a)*a", "x]y}", "}", "]", "a{3,2}", "a{2147483648}", "a{0}", "(a{0,2}){2}", "-", "~", "#", "a b", "\\",
        "^cpu/([\\d]+)/(cpu|percent)/([^/]+)(/value)?", "^load/load/((1|5|15)min)", "^df/(.*)(/value)?", "\\.", "^(?<host>[a-z]+)\\.(?<rest>.*)$", "(?<!\\.)b", "^([^-]+)-(local|remote)/x$", "^.*(?<!_total)$", "^(?!a).*$", "(a+)\\.\\1"
    };
    static final String[] TEXTS = {
        "", "a", "ab", "abc", "aab", "aaa", "abcd", "ba", "A", "aB", "AB", "k", "K", "\u212a", "é", "É", "ß", "ſ", "a\u0301b", "α", "Ω", "٣", "\uD83D\uDE00", "a b", "a\tb", " ", "\n", "\r\n", "a\r\n", "a\n", "a\nb", "a\rb", "\u0085", "a\u2028", "\u00a0", "\u180e",
        "_a-1", "x]y}", "a.b", "a.bbb", "]a", "a&b", "^", "$", "\\", "}", "-", "~#", "Q", "\u0001", "\u0007", "aa.aa", "cpu/0/cpu/idle/value", "cpu/0/percent/idle", "load/load/15min", "df/root/value", "host.metric.name", "a_total", "15-local/x", "#", "\\E"
    };
    static final String[] ATOMS = {
        "a", "b", "c", "A", ".", "[ab]", "[^a]", "\\w", "\\d", "\\s", "\\b", "^", "$", "[a-c&&[^b]]", "\\.", "/", "\\1", "(?i)", "(?m)", "(?s)", "\\p{Lu}", "\\n", "[\\s.]", "é", "\\Z", "\\h", "1", "-"
    };
    static final String[] QUANTIFIERS = {"*", "+", "?", "*?", "+?", "??", "*+", "++", "?+", "{2}", "{1,2}", "{0,1}?", "{1,}"};
    static final String LETTERS = "aabbccAB./1- \n\réα_";

    static Random random = new Random(20240517);

    static String generated(int depth) {
        StringBuilder out = new StringBuilder();
        int parts = 1 + random.nextInt(3);
        for (int part = 0; part < parts; ++part) {
            int kind = random.nextInt(10);
            if (kind < 7 || depth == 0) {
                out.append(ATOMS[random.nextInt(ATOMS.length)]);
            } else {
                String[] opens = {"(", "(", "(?:", "(?=", "(?!", "(?<=", "(?>", "(?i:"};
                String open = opens[random.nextInt(opens.length)];
                out.append(open).append(open.equals("(?<=") ? "a" : generated(depth - 1)).append(")");
                if (open.equals("(?=") || open.equals("(?!") || open.equals("(?<=")) {
                    continue;
                }
            }
            // A repeated group that may match nothing keeps other groups in Java than elsewhere.
            if (random.nextInt(3) == 0 && out.charAt(out.length() - 1) != ')') {
                out.append(QUANTIFIERS[random.nextInt(QUANTIFIERS.length)]);
            }
        }
        if (random.nextInt(5) == 0) {
            out.append("|").append(generated(depth == 0 ? 0 : depth - 1));
        }
        return out.toString();
    }

    static String text() {
        StringBuilder out = new StringBuilder();
        int length = random.nextInt(7);
        for (int at = 0; at < length; ++at) {
            out.append(LETTERS.charAt(random.nextInt(LETTERS.length())));
        }
        return out.toString();
    }

    static String quoted(String text) {
        if (text == null) {
            return "null";
        }
        StringBuilder out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < 0x20 || c > 0x7e) {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        return out.append('"').toString();
    }

    static void write(String pattern, String[] texts) {
        StringBuilder out = new StringBuilder("{\"pattern\":" + quoted(pattern));
        try {
            Pattern compiled = Pattern.compile(pattern);
            out.append(",\"texts\":[");
            String comma = "";
            for (String text : texts) {
                Matcher matcher = compiled.matcher(text);
                StringBuilder found = new StringBuilder();
                while (matcher.find()) {
                    found.append(found.length() == 0 ? "[" : ",[").append(matcher.start());
                    for (int group = 0; group <= matcher.groupCount(); ++group) {
                        found.append(",").append(quoted(matcher.group(group)));
                    }
                    found.append("]");
                }
                boolean matches = matcher.matches();
                // Texts in which nothing is found say little; one in four stays.
                if (found.length() == 0 && !matches && random.nextInt(4) != 0) {
                    continue;
                }
                out.append(comma).append("[").append(quoted(text)).append(",").append(matches).append(",[").append(found).append("]]");
                comma = ",";
            }
            out.append("]}");
        } catch (PatternSyntaxException e) {
            out.append("}");
        }
        System.out.println(out);
    }

    public static void main(String[] args) {
        for (String pattern : PATTERNS) {
            write(pattern, TEXTS);
        }
        for (int count = 0; count < 1500; ++count) {
            write(generated(2), new String[] {text(), text(), text(), text()});
        }
    }
}
