package wire

import (
	"strings"
	"testing"
)

func TestNamesShowAsTheyAre(t *testing.T) {
	for _, name := range []string{
		"\x1b[31mred", "a\x00b", "two\nlines", "tab\t", "\x7f", "c1\u009b31m", "evil\u202egnp.exe", "\u2066isolated", "not\xffUTF-8", strings.Repeat("n", maxName+1),
	} {
		if CheckName("name", name) == nil {
			t.Errorf("%q is taken for a name", name)
		}
		if _, err := AppendMessage(nil, Hello{Name: name}); err == nil {
			t.Errorf("a Hello of %q can be sent", name)
		}
		p := marshal(Hello{Name: name})
		if m, err := ParseMessage(KindHello, p); err == nil {
			t.Errorf("a Hello of %q is heard", m.(Hello).Name)
		}
		if shown := printable(name, maxDetail); strings.ContainsFunc(shown, IsUnfit) {
			t.Errorf("%q is printed as %q", name, shown)
		}
	}
	for _, name := range []string{"", "n1", "../../etc/passwd", "Jürgens Rechner", "מחשב", "👩‍🔧", strings.Repeat("n", maxName)} {
		if err := CheckName("name", name); err != nil {
			t.Errorf("%q: %v", name, err) // a name is never a path: a path may be one
		}
	}
}
