package hal

import "fmt"

// ParseFormat is the inverse of Format.String.
func ParseFormat(s string) (Format, error) {
	for f := RGB24; f <= Y10; f++ {
		if f.String() == s {
			return f, nil
		}
	}
	return 0, fmt.Errorf("hal: unknown format %q, known are %v, %v and %v", s, RGB24, Y8, Y10)
}

// Limits of a Store.
const (
	MaxKey   = 64       // bytes of a key
	MaxValue = 64 << 10 // bytes of a value
)

// CheckKey tells whether key may name a value in a Store. Every Store calls
// it, so that none depends on what its file system makes of a name.
func CheckKey(key string) error {
	if len(key) < 1 || len(key) > MaxKey {
		return fmt.Errorf("hal: key of %d bytes, allowed 1 to %d", len(key), MaxKey)
	}
	if key[0] == '.' {
		return fmt.Errorf("hal: key %q begins with a dot", key)
	}
	for _, c := range []byte(key) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return fmt.Errorf("hal: key %q holds %q, allowed are a-z, 0-9, '-' and '.'", key, c)
		}
	}
	return nil
}

// CheckValue tells whether val is short enough for a Store.
func CheckValue(val []byte) error {
	if len(val) > MaxValue {
		return fmt.Errorf("hal: value of %d bytes, allowed %d", len(val), MaxValue)
	}
	return nil
}
