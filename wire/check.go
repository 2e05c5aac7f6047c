package wire

import "fmt"

// MaxTilt is the largest tilt of a palm against the camera, in tenths of a degree.
const MaxTilt = 900

func (h Hand) valid() bool { return h == Left || h == Right }

// Check refuses an unknown purpose, and a person where none belongs or none where one does.
func (m Begin) Check() error {
	switch m.Purpose {
	case Identify, Enrol:
		if m.Person != (Person{}) {
			return fmt.Errorf("%v names a person", m.Purpose)
		}
	case Verify, Update, Delete:
		if m.Person == (Person{}) {
			return fmt.Errorf("%v names no person", m.Purpose)
		}
	default:
		return fmt.Errorf("purpose %d is unknown", uint8(m.Purpose))
	}
	return nil
}

// Check refuses a nonce of zeros, which nobody drew.
func (m Challenge) Check() error {
	if m.Nonce == (Nonce{}) {
		return fmt.Errorf("the nonce is zero")
	}
	return nil
}

// Check refuses values out of range, views of a wrong size, and views out of order.
func (m Sample) Check() error {
	switch {
	case m.Nonce == (Nonce{}):
		return fmt.Errorf("the nonce is zero")
	case !m.Hand.valid():
		return fmt.Errorf("hand %d is unknown", uint8(m.Hand))
	case m.Tilt > MaxTilt:
		return fmt.Errorf("tilt %d, at most %d", m.Tilt, MaxTilt)
	case m.Quality < 1 || m.Quality > 100:
		return fmt.Errorf("quality %d, between 1 and 100", m.Quality)
	case len(m.Views) < 1 || len(m.Views) > 2:
		return fmt.Errorf("%d views, 1 or 2", len(m.Views))
	case len(m.Views) == 2 && m.Views[0].Band >= m.Views[1].Band:
		return fmt.Errorf("view %v before view %v", m.Views[0].Band, m.Views[1].Band)
	}
	for _, v := range m.Views {
		if err := v.check(); err != nil {
			return err
		}
	}
	return m.Proof.check()
}

func (v View) check() error {
	channels := v.Band.Channels()
	if channels == 0 {
		return fmt.Errorf("band %d is unknown", uint8(v.Band))
	}
	if want := Side * Side * channels; len(v.Pix) != want {
		return fmt.Errorf("view %v has %d bytes of pixels, not %d", v.Band, len(v.Pix), want)
	}
	if len(v.Mask) != MaskBytes {
		return fmt.Errorf("view %v has a mask of %d bytes, not %d", v.Band, len(v.Mask), MaskBytes)
	}
	return nil
}

// Check refuses an answer that says more than its status allows.
func (m Answer) Check() error {
	switch {
	case m.Status > Again:
		return fmt.Errorf("status %d is unknown", uint8(m.Status))
	case (m.Status == Accepted) != (m.Person != Person{}):
		return fmt.Errorf("a person is named if, and only if, the status is accepted; it is %v", m.Status)
	case m.Status == More && !m.Hand.valid():
		return fmt.Errorf("hand %d is unknown", uint8(m.Hand))
	case m.Status != More && m.Hand != 0:
		return fmt.Errorf("a hand is named and the status is %v", m.Status)
	case m.Status != Accepted && m.Slip != Slip{}:
		return fmt.Errorf("a receipt is given and the status is %v", m.Status)
	}
	return m.Slip.check()
}

// CheckTenant says whether a name can be a tenant's: 1 to 63 of a-z, 0-9,
// '-' and '.', beginning with a letter or a digit.
func CheckTenant(name string) error {
	if len(name) < 1 || len(name) > 63 {
		return fmt.Errorf("wire: tenant of %d bytes, 1 to 63", len(name))
	}
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || c != '-' && c != '.') {
			return fmt.Errorf("wire: tenant with byte %#02x at %d, a-z, 0-9, '-' and '.'", c, i)
		}
	}
	return nil
}
