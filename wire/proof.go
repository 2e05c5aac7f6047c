package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// The sizes of a Proof.
const (
	Side940    = 64 // pixels a side of the picture at 940 nm
	Cells      = 16 // of a plane, a side; each is Side/Cells crop pixels wide
	PlaneCount = 2 + FlashCount + 3 + 2*FlashCount
	LevelCount = 8
	TrackCount = 1 + FlashCount
	Reliefs    = 16
)

// PlaneUnit is the value of a plane or level that is as bright as the white
// card: see Proof.
const PlaneUnit = 8192

// The planes of a Proof. White has three: red, green, blue. NIRFlash and
// RGBFlash have one for each flash, the latter two: red, then green.
const (
	Plane850 = iota
	Plane940
	PlaneNIRFlash
	PlaneWhite    = PlaneNIRFlash + FlashCount
	PlaneRGBFlash = PlaneWhite + 3
)

// The levels of a Proof, of either camera.
const (
	LevelRGB = 0
	LevelNIR = LevelCount / 2

	LevelDark  = 0
	LevelWhite = 1
	Level850   = 2
	Level940   = 3
)

// NoRelief is the relief of a block in which it could not be measured.
const NoRelief = -128

// Proof is what tells a living palm from what looks like one: the judge's
// evidence beside the views. Light in it is linear and per exposure, and 1.0,
// or PlaneUnit, is what a white card 100 mm away would give under all lamps
// of the band at full strength.
type Proof struct {
	NIR940 []byte             // Side940 by Side940 pixels: means of 2 by 2 of the crop at 940 nm
	Planes []uint16           // PlaneCount planes of Cells by Cells, the dark shot taken off
	Levels [LevelCount]uint16 // means over the palm, the dark shot not taken off
	Track  [TrackCount]Motion // of the shot at 940 nm and of the flashes
	Relief [Reliefs]int8      // 4 by 4 blocks, tenths of a millimetre towards the camera; NoRelief
	Lamps  [3][4][2]int16     // white, 850 and 940 nm; by corner; x and y, tenths of a millimetre
	Place  [3][3]int16        // of the crop's points (0, 0), (Side, 0) and (0, Side), tenths of a millimetre
}

// Motion is where the palm had gone when a shot was taken, after that at 850 nm.
type Motion struct {
	X, Y  int16  // 1/64 of a crop pixel
	After uint16 // tenths of a millisecond
}

// Plane is one of the planes, by its number.
func (p *Proof) Plane(i int) []uint16 { return p.Planes[i*Cells*Cells : (i+1)*Cells*Cells] }

// NewProof has room for everything, and nothing in it.
func NewProof() Proof {
	return Proof{NIR940: make([]byte, Side940*Side940), Planes: make([]uint16, PlaneCount*Cells*Cells)}
}

// Clone shares no memory with p.
func (p *Proof) Clone() Proof {
	q := *p
	q.NIR940, q.Planes = slices.Clone(p.NIR940), slices.Clone(p.Planes)
	return q
}

// Wipe overwrites what shows the palm.
func (p *Proof) Wipe() {
	clear(p.NIR940)
	clear(p.Planes)
	p.Levels, p.Track, p.Relief = [LevelCount]uint16{}, [TrackCount]Motion{}, [Reliefs]int8{}
}

// Format keeps the evidence out of every log line and message, whatever the verb.
func (p Proof) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "proof, %d secret bytes", len(p.NIR940)+2*len(p.Planes))
}

// MarshalJSON refuses: a palm is never written as text.
func (p Proof) MarshalJSON() ([]byte, error) {
	return nil, errors.New("wire: a proof is secret and has no JSON")
}

func (p *Proof) check() error {
	switch {
	case len(p.NIR940) != Side940*Side940:
		return fmt.Errorf("proof has %d bytes at 940 nm, not %d", len(p.NIR940), Side940*Side940)
	case len(p.Planes) != PlaneCount*Cells*Cells:
		return fmt.Errorf("proof has %d values in planes, not %d", len(p.Planes), PlaneCount*Cells*Cells)
	}
	return nil
}

// proofForm is the bytes: numbers big-endian, one after the other.
type proofForm struct {
	_      struct{} `cbor:",toarray"`
	NIR940 []byte
	Planes []byte
	Levels []byte
	Track  []byte
	Relief []byte
	Lamps  []byte
	Place  []byte
}

func (p *Proof) form() proofForm {
	return proofForm{NIR940: p.NIR940, Planes: pack(p.Planes), Levels: pack(&p.Levels), Track: pack(&p.Track),
		Relief: pack(&p.Relief), Lamps: pack(&p.Lamps), Place: pack(&p.Place)}
}

// pack is v, numbers of a fixed size, as bytes.
func pack(v any) []byte {
	b, _ := binary.Append(nil, binary.BigEndian, v) // fails for other types alone
	return b
}

// proof is the inverse of form.
func (f *proofForm) proof() (Proof, error) {
	p := Proof{NIR940: f.NIR940, Planes: make([]uint16, PlaneCount*Cells*Cells)}
	for _, c := range []struct {
		name string
		from []byte
		to   any
	}{{"planes", f.Planes, p.Planes}, {"levels", f.Levels, &p.Levels}, {"track", f.Track, &p.Track},
		{"relief", f.Relief, &p.Relief}, {"lamps", f.Lamps, &p.Lamps}, {"place", f.Place, &p.Place}} {
		if want := binary.Size(c.to); len(c.from) != want {
			return Proof{}, fmt.Errorf("proof has %s of %d bytes, not %d", c.name, len(c.from), want)
		}
		_, _ = binary.Decode(c.from, binary.BigEndian, c.to) // of the size that was checked
	}
	clear(f.Planes)
	return p, nil
}
