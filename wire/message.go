package wire

import "fmt"

// Message is what travels inside the sealed session between a device and a
// vault: a Begin, Challenge, Sample or Answer, always by value.
type Message interface {
	// Check says what is wrong with the values. Encode and Decode call it.
	Check() error
	form() any
	kind() Type
}

// The forms are the bytes: arrays, with the fields in this order. README.md
// has them as tables.
type (
	beginForm struct {
		_       struct{} `cbor:",toarray"`
		Version uint8
		Type    Type
		Purpose Purpose
		Person  Person
	}
	challengeForm struct {
		_       struct{} `cbor:",toarray"`
		Version uint8
		Type    Type
		Nonce   Nonce
	}
	viewForm struct {
		_    struct{} `cbor:",toarray"`
		Band Band
		Pix  []byte
		Mask []byte
	}
	sampleForm struct {
		_        struct{} `cbor:",toarray"`
		Version  uint8
		Type     Type
		Nonce    Nonce
		Hand     Hand
		Distance uint16
		Tilt     uint16
		Quality  uint8
		Views    []viewForm
		Proof    proofForm
	}
	answerForm struct {
		_       struct{} `cbor:",toarray"`
		Version uint8
		Type    Type
		Status  Status
		Person  Person
		Hand    Hand
		Slip    Slip
	}
)

func (Begin) kind() Type     { return TypeBegin }
func (Challenge) kind() Type { return TypeChallenge }
func (Sample) kind() Type    { return TypeSample }
func (Answer) kind() Type    { return TypeAnswer }

func (m Begin) form() any {
	return beginForm{Version: Version, Type: TypeBegin, Purpose: m.Purpose, Person: m.Person}
}

func (m Challenge) form() any {
	return challengeForm{Version: Version, Type: TypeChallenge, Nonce: m.Nonce}
}

func (m Sample) form() any {
	f := sampleForm{Version: Version, Type: TypeSample, Nonce: m.Nonce, Hand: m.Hand,
		Distance: m.Distance, Tilt: m.Tilt, Quality: m.Quality, Proof: m.Proof.form()}
	for _, v := range m.Views {
		f.Views = append(f.Views, viewForm{Band: v.Band, Pix: v.Pix, Mask: v.Mask})
	}
	return f
}

func (m Answer) form() any {
	return answerForm{Version: Version, Type: TypeAnswer, Status: m.Status, Person: m.Person, Hand: m.Hand, Slip: m.Slip}
}

// Encode gives the one encoding of a message, at most MaxMessage bytes. The
// caller clears it after use when it holds a palm.
func Encode(m Message) ([]byte, error) {
	if m == nil {
		return nil, fmt.Errorf("wire: encode: no message")
	}
	if err := m.Check(); err != nil {
		return nil, fmt.Errorf("wire: encode %v: %w", m.kind(), err)
	}
	form := m.form()
	if f, ok := form.(sampleForm); ok {
		defer clear(f.Proof.Planes)
	}
	return marshal(m.kind(), form, MaxMessage)
}

// Decode is the inverse of Encode and refuses everything that Encode does
// not make. The message shares no memory with b.
func Decode(b []byte) (Message, error) {
	t, err := peek(b, MaxMessage)
	if err != nil {
		return nil, fmt.Errorf("wire: decode: %w", err)
	}
	var m Message
	switch t {
	case TypeBegin:
		m, err = decodeBegin(b)
	case TypeChallenge:
		m, err = decodeChallenge(b)
	case TypeSample:
		m, err = decodeSample(b)
	case TypeAnswer:
		m, err = decodeAnswer(b)
	default:
		err = fmt.Errorf("wire: decode: %v (%d) is not a message of a session", t, uint8(t))
	}
	if err != nil {
		return nil, err
	}
	if err := m.Check(); err != nil {
		if s, ok := m.(Sample); ok {
			s.Wipe()
		}
		return nil, fmt.Errorf("wire: decode %v: %w", t, err)
	}
	return m, nil
}

func decodeBegin(b []byte) (Message, error) {
	f, err := unmarshal[beginForm](TypeBegin, b, MaxMessage)
	return Begin{Purpose: f.Purpose, Person: f.Person}, err
}

func decodeChallenge(b []byte) (Message, error) {
	f, err := unmarshal[challengeForm](TypeChallenge, b, MaxMessage)
	return Challenge{Nonce: f.Nonce}, err
}

func decodeSample(b []byte) (Message, error) {
	f, err := unmarshal[sampleForm](TypeSample, b, MaxMessage)
	m := Sample{Nonce: f.Nonce, Hand: f.Hand, Distance: f.Distance, Tilt: f.Tilt, Quality: f.Quality}
	for _, v := range f.Views {
		m.Views = append(m.Views, View{Band: v.Band, Pix: v.Pix, Mask: v.Mask})
	}
	if err == nil {
		if m.Proof, err = f.Proof.proof(); err != nil {
			m.Wipe()
			return nil, fmt.Errorf("wire: decode %v: %w", TypeSample, err)
		}
	}
	return m, err
}

func decodeAnswer(b []byte) (Message, error) {
	f, err := unmarshal[answerForm](TypeAnswer, b, MaxMessage)
	return Answer{Status: f.Status, Person: f.Person, Hand: f.Hand, Slip: f.Slip}, err
}
