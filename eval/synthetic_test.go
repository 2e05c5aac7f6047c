package eval

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"runtime"
	"testing"
	"weak"

	"volar/enclave/vault/matcher"
	"volar/wire"
)

func everything(t *testing.T) Selector {
	t.Helper()
	s, err := ParseSelector("all")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSyntheticSamples(t *testing.T) {
	set, err := NewSynthetic(7).Samples(2, SyntheticBands, everything(t), wire.Left, wire.Right)
	if err != nil || len(set) != 24 {
		t.Fatalf("%d samples, %v", len(set), err)
	}
	s := set[9] // right hand, session 2
	if s.Palm != "00000r" || s.ID != "00000r/2/4" || s.Traits() != nil {
		t.Errorf("%s of %s, traits %v before it is rendered", s.ID, s.Palm, s.Traits())
	}
	hand, views, err := s.Views()
	if err != nil || len(views) != 2 {
		t.Fatalf("%d views, %v", len(views), err)
	}
	names := map[string]string{}
	for _, trait := range s.Traits() {
		names[trait.Name] = trait.Value
	}
	if len(names) != 5 || names["hand"] != hand.String() || hand.String() != "right" {
		t.Errorf("%v hand, traits %v", hand, names)
	}
	again, err := NewSynthetic(7).Samples(1, SyntheticBands, everything(t), wire.Left, wire.Right)
	if err != nil {
		t.Fatal(err)
	}
	_, same, err := again[9].Views()
	if err != nil || !bytes.Equal(views[0].Pix, same[0].Pix) || !bytes.Equal(views[1].Pix, same[1].Pix) {
		t.Errorf("the same seed gives another capture, %v", err)
	}
	for _, bands := range []BandNames{{RGB: "WHT", NIR: "850"}, {NIR: "940"}} {
		if _, err := NewSynthetic(7).Samples(1, bands, everything(t)); err == nil {
			t.Errorf("bands %v were taken", bands)
		}
	}
	if _, err := NewSynthetic(7).Samples(0, SyntheticBands, everything(t)); err == nil {
		t.Error("a set of nobody was taken")
	}
}

func TestFillers(t *testing.T) {
	dir := t.TempDir()
	open := func() *Fillers {
		t.Helper()
		f, err := OpenFillers(dir, NewSynthetic(3), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	f := open()
	told := 0
	if err := f.Grow(context.Background(), 3, 2, func(_ string, done, _ int) { told = done }); err != nil || f.Len() != 3 || told != 3 {
		t.Fatalf("%d palms, told of %d, %v", f.Len(), told, err)
	}
	// A palm that was not written whole is made again, the others are kept.
	info, err := os.Stat(f.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(f.path, info.Size()-5); err != nil {
		t.Fatal(err)
	}
	f = open()
	if f.Len() != 2 {
		t.Fatalf("%d palms after the last was torn", f.Len())
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if err := f.Grow(stopped, 5, 1, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a stopped run: %v", err)
	}
	if err := f.Grow(context.Background(), 3, 1, nil); err != nil {
		t.Fatal(err)
	}
	var captures []*matcher.Capture
	err = f.Each(3, func(i int, template []byte) error {
		c, err := matcher.ParseCapture(template)
		captures = append(captures, c)
		return err
	})
	if err != nil || len(captures) != 3 {
		t.Fatalf("%d captures, %v", len(captures), err)
	}
	again, err := f.render(2)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := captures[2].MarshalBinary(); err != nil || !bytes.Equal(b, again) {
		t.Error("palm 2 is not the one that its number makes")
	}
	if err := f.Each(4, func(int, []byte) error { return nil }); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("four of three palms: %v", err)
	}
	swapRecords(t, f.path)
	if _, err := OpenFillers(dir, NewSynthetic(3), nil); !errors.Is(err, ErrFillers) {
		t.Errorf("two palms in each other's place: %v", err)
	}
	swapRecords(t, f.path)
	flipByte(t, f.path, fillersHead+recordHead+100)
	if _, err := OpenFillers(dir, NewSynthetic(3), nil); !errors.Is(err, ErrFillers) {
		t.Errorf("a damaged palm: %v", err)
	}
	flipByte(t, f.path, fillersHead+recordHead+100)
	flipByte(t, f.path, 20)
	if _, err := OpenFillers(dir, NewSynthetic(3), nil); !errors.Is(err, ErrFillers) {
		t.Errorf("a damaged head: %v", err)
	}
}

// swapRecords puts the first two palms, which are as long, in each other's place.
func swapRecords(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	size := recordHead + int(binary.LittleEndian.Uint32(b[fillersHead:]))
	first, second := b[fillersHead:][:size], b[fillersHead+size:][:size]
	swapped := append(bytes.Clone(second), first...)
	copy(b[fillersHead:], swapped)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func flipByte(t *testing.T, path string, at int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func FuzzReadFillers(f *testing.F) {
	head := fillersHeader(1, [32]byte{1})
	template := []byte{1, 2, 3}
	record := []byte{3, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3}
	sum := recordSum(0, template)
	record[4], record[5], record[6], record[7] = byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24)
	whole := append(bytes.Clone(head), record...)
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(append(bytes.Clone(head), 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		var out []byte
		n, end, err := readFillers(bytes.NewReader(b), head, 100, func(i int, template []byte) error {
			out = append(out, template...)
			return nil
		})
		if err == nil && n < 100 && end != int64(len(b)) {
			t.Fatalf("%d palms end at %d of %d bytes", n, end, len(b))
		}
		if len(out) > len(b) {
			t.Fatalf("%d bytes of templates in %d bytes", len(out), len(b))
		}
	})
}

// A large set holds no palm for longer than its captures are asked for: an anatomy takes 4 MB.
func TestSamplesForgetTheirPalms(t *testing.T) {
	people := NewSynthetic(1)
	samples, err := people.Samples(18, SyntheticBands, everything(t), wire.Left)
	if err != nil {
		t.Fatal(err)
	}
	first := weak.Make(people.anatomy(palmKey{0, wire.Left}))
	for i := 0; i < len(samples); i += 2 * capturesPerVisit {
		if _, _, err := samples[i].Views(); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	if first.Value() != nil {
		t.Error("a palm that was rendered long ago is still held")
	}
	runtime.KeepAlive(samples)
}
