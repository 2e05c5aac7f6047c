package unit

import "testing"

func TestParseNetwork(t *testing.T) {
	for in, want := range map[string]string{
		"":                                    "dhcp",
		"dhcp":                                "dhcp",
		"192.168.7.20/24":                     "192.168.7.20/24",
		"192.168.7.20/24 gateway 192.168.7.1": "192.168.7.20/24 gateway 192.168.7.1",
		"10.0.0.2/8 dns 9.9.9.9 gateway 10.0.0.1": "10.0.0.2/8 gateway 10.0.0.1 dns 9.9.9.9",
	} {
		n, err := ParseNetwork(in)
		if err != nil || n.String() != want {
			t.Errorf("%q: %v, %v", in, n, err)
		}
	}
	for _, in := range []string{
		"192.168.7.20", "192.168.7.20/33", "fe80::1/64", "nonsense", "10.0.0.2/8 gateway", "10.0.0.2/8 gateway 11.0.0.1",
		"10.0.0.2/8 gateway x", "10.0.0.2/8 router 10.0.0.1", "10.0.0.2/8 dns 1.1.1.1 dns 1.1.1.1", "10.0.0.2/8 gateway fe80::1",
	} {
		if n, err := ParseNetwork(in); err == nil {
			t.Errorf("%q: taken as %v", in, n)
		}
	}
}

func FuzzParseNetwork(f *testing.F) {
	f.Add("10.0.0.2/8 dns 9.9.9.9 gateway 10.0.0.1")
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseNetwork(s)
		if err != nil {
			return
		}
		if again, err := ParseNetwork(n.String()); err != nil || again != n {
			t.Fatalf("%q: %v, %v", s, again, err)
		}
	})
}
