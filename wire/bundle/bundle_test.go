package bundle

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"testing"
	"testing/iotest"
	"time"
)

var key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, 32))

func public() ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

var about = Manifest{Board: "qemu-virt", Name: "1.2.3", Floor: 2}

// program is n bytes as compressible as machine code: words of a small
// vocabulary, and addresses.
func program(seed byte, n int) []byte {
	r := rand.NewChaCha8([32]byte{seed})
	words := make([]byte, 4<<10)
	r.Read(words)
	b := make([]byte, 0, n+16)
	for len(b) < n {
		v := r.Uint64()
		at := v % uint64(len(words)-16)
		b = append(b, words[at:at+4+v>>40%12]...)
		if v>>60 == 0 {
			b = binary.LittleEndian.AppendUint32(b, uint32(len(b)))
		}
	}
	return b[:n]
}

// systems are a system and the next release of it: a string changed, a
// function added in the middle, a file replaced.
func systems() (base, now System) {
	boot, root := program(1, 3<<20), program(2, 9<<20+123)
	next := bytes.Clone(boot)
	copy(next[1<<20:], "a changed string")
	changed := append(bytes.Clone(root[:5<<20]), program(3, 300)...)
	changed = append(changed, root[5<<20:7<<20]...)
	changed = append(changed, program(4, 70<<10)...)
	return System{41, [2][]byte{boot, root}}, System{42, [2][]byte{next, append(changed, root[7<<20+70<<10:]...)}}
}

func make1(t testing.TB, now System, base *System) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := Make(t.Context(), &b, key, about, now, base, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// install does what a unit does with a bundle.
func install(b []byte, base *System) (*Manifest, [2][]byte, error) {
	r := bytes.NewReader(b)
	var out [2][]byte
	head, err := Head(r)
	if err != nil {
		return nil, out, err
	}
	m, err := Open(head, public())
	if err != nil {
		return nil, out, err
	}
	payload := b[HeadSize(head):]
	if err := m.Check(bytes.NewReader(payload)); err != nil {
		return m, out, err
	}
	r = bytes.NewReader(payload)
	for i, p := range m.Parts {
		var from []byte
		if base != nil {
			from = base.Parts[i]
		}
		if out[i], err = io.ReadAll(p.Unpack(r, bytes.NewReader(from))); err != nil {
			return m, out, err
		}
	}
	return m, out, nil
}

func TestFullAndDelta(t *testing.T) {
	base, now := systems()
	full, delta := make1(t, now, nil), make1(t, now, &base)
	t.Logf("%d bytes, full bundle %d, delta %d", len(now.Parts[0])+len(now.Parts[1]), len(full), len(delta))
	for name, b := range map[string][]byte{"full": full, "delta": delta} {
		m, out, err := install(b, &base)
		if err != nil || !bytes.Equal(out[0], now.Parts[0]) || !bytes.Equal(out[1], now.Parts[1]) {
			t.Fatalf("%s: %v", name, err)
		}
		if m.Board != about.Board || m.Name != about.Name || m.Floor != about.Floor || m.Serial != 42 || m.Delta() != (name == "delta") {
			t.Errorf("%s: %+v", name, m)
		}
		if int64(len(b)) != m.Payload()+HeadSize(must(Head(bytes.NewReader(b)))) || m.Installed() != int64(len(out[0])+len(out[1])) {
			t.Errorf("%s: %d bytes, payload %d, installed %d", name, len(b), m.Payload(), m.Installed())
		}
	}
	if len(delta) > len(full)/20 {
		t.Errorf("a delta of %d bytes beside a full bundle of %d", len(delta), len(full))
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Equal input gives equal bytes, on one processor as on many.
func TestSameBytes(t *testing.T) {
	base, now := systems()
	first := make1(t, now, &base)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if !bytes.Equal(first, make1(t, now, &base)) {
		t.Error("two bundles of one system differ")
	}
}

// What cannot be compressed, what is tiny, and what has nothing to do with its base.
func TestOddSystems(t *testing.T) {
	noise := make([]byte, 5<<20)
	rand.NewChaCha8([32]byte{9}).Read(noise)
	zeros := make([]byte, 6<<20)
	for _, base := range []*System{nil, {1, [2][]byte{zeros[:1], noise[:3<<20]}}, {1, [2][]byte{noise, zeros}}} {
		for _, now := range []System{{2, [2][]byte{{7}, noise}}, {2, [2][]byte{zeros, {0}}}, {2, [2][]byte{append(noise[1<<20:], noise[:1<<20]...), zeros[5:]}}} {
			if _, out, err := install(make1(t, now, base), base); err != nil || !bytes.Equal(out[0], now.Parts[0]) || !bytes.Equal(out[1], now.Parts[1]) {
				t.Errorf("parts of %d and %d bytes: %v", len(now.Parts[0]), len(now.Parts[1]), err)
			}
		}
	}
	if _, err := Make(t.Context(), io.Discard, key, about, System{Serial: 1}, nil, nil); !errors.Is(err, ErrForm) {
		t.Errorf("a system of nothing: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Make(gone, io.Discard, key, about, System{2, [2][]byte{noise, noise}}, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("after cancel: %v", err)
	}
}

// Any changed byte of a bundle is found before anything is unpacked.
func TestEveryByteCounts(t *testing.T) {
	now := System{42, [2][]byte{program(1, 5000), program(2, 9000)}}
	b := make1(t, now, nil)
	for i := range b {
		bad := bytes.Clone(b)
		bad[i] ^= 1
		_, out, err := install(bad, nil)
		if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrForm) && !errors.Is(err, ErrSignature) || out[0] != nil {
			t.Fatalf("with byte %d of %d changed: %v", i, len(b), err)
		}
	}
	for n := range b {
		if _, _, err := install(b[:n], nil); err == nil {
			t.Fatalf("cut after %d bytes: installed", n)
		}
	}
	if _, _, err := install(append(b, 0), nil); !errors.Is(err, ErrDamaged) {
		t.Errorf("with a byte more: %v", err)
	}
}

// The signature is the release key's, for this kind of statement.
func TestSignature(t *testing.T) {
	b := must(Head(bytes.NewReader(make1(t, System{1, [2][]byte{{1}, {2}}}, nil))))
	other := ed25519.NewKeyFromSeed(make([]byte, 32))
	if _, err := Open(b, other.Public().(ed25519.PublicKey)); !errors.Is(err, ErrSignature) {
		t.Errorf("under another key: %v", err)
	}
	if _, err := Open(b, nil); err == nil {
		t.Error("under no key")
	}
	if _, err := Open(bytes.Repeat([]byte{0xd2}, MaxManifest+1), public()); !errors.Is(err, ErrForm) {
		t.Errorf("too long: %v", err)
	}
}

// A delta that is applied to another system than its own gives an error and never a system.
func TestWrongBase(t *testing.T) {
	base, now := systems()
	b := make1(t, now, &base)
	other := System{41, [2][]byte{bytes.Clone(base.Parts[0]), bytes.Clone(base.Parts[1])}}
	for i := range other.Parts {
		for n := 0; n < len(other.Parts[i]); n += 1000 {
			other.Parts[i][n] ^= 1
		}
	}
	if _, _, err := install(b, &other); !errors.Is(err, ErrDamaged) {
		t.Errorf("made from another: %v", err)
	}
	if _, _, err := install(b, &System{41, [2][]byte{base.Parts[0][:1000], base.Parts[1][:1000]}}); !errors.Is(err, ErrBase) {
		t.Errorf("the base ends early: %v", err)
	}
}

// small is a manifest that may be signed.
func small() Manifest {
	m := Manifest{Board: "b", Name: "1", Serial: 2, Floor: 1}
	for i := range m.Parts {
		m.Parts[i] = Part{Size: 1, Hash: [32]byte{1}, Packed: 1, PackedHash: [32]byte{1}}
	}
	return m
}

func TestManifestRefuses(t *testing.T) {
	good := small()
	if _, err := good.Sign(key); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*Manifest){
		"zero":             func(m *Manifest) { *m = Manifest{} },
		"no board":         func(m *Manifest) { m.Board = "" },
		"board in capital": func(m *Manifest) { m.Board = "Pi" },
		"long name":        func(m *Manifest) { m.Name = "123456789012345678901234567890123" },
		"name of a path":   func(m *Manifest) { m.Name = "../1" },
		"no serial":        func(m *Manifest) { m.Serial = 0 },
		"from a newer":     func(m *Manifest) { m.From = 2 },
		"no floor":         func(m *Manifest) { m.Floor = 0 },
		"floor too high":   func(m *Manifest) { m.Floor = MaxFloor + 1 },
		"empty part":       func(m *Manifest) { m.Parts[1].Size = 0 },
		"huge part":        func(m *Manifest) { m.Parts[0].Size = MaxPart + 1 },
		"nothing packed":   func(m *Manifest) { m.Parts[0].Packed = 0 },
		"huge packed":      func(m *Manifest) { m.Parts[0].Packed = 1 << 63 },
		"no hash":          func(m *Manifest) { m.Parts[0].Hash = [32]byte{} },
		"no packed hash":   func(m *Manifest) { m.Parts[1].PackedHash = [32]byte{} },
		"full with a base": func(m *Manifest) { m.Parts[0].BaseSize = 1 },
		"delta without":    func(m *Manifest) { m.From = 1 },
	} {
		m := good
		edit(&m)
		if _, err := m.Sign(key); !errors.Is(err, ErrForm) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a packed part may ask of a unit is bounded, whatever it says.
func TestSegmentsRefuse(t *testing.T) {
	base := bytes.Repeat([]byte("base"), 1000)
	part := Part{Size: 100, Packed: 1 << 20, BaseSize: uint64(len(base))}
	zip := must(expandable(100))
	for name, s := range map[string]segment{
		"empty":            {packed: 1},
		"longer than left": {packed: 5, size: 101},
		"too long":         {packed: 5, size: MaxSegment + 1},
		"packed too long":  {packed: 10_000, size: 100},
		"copy of nothing":  {size: 100},
		"copy too short":   {size: 100, spans: []span{{0, 99}}},
		"behind the base":  {size: 100, spans: []span{{3901, 100}}},
		"far behind":       {size: 100, spans: []span{{1<<32 - 1, 100}}},
		"empty span":       {packed: int64(len(zip)), size: 100, spans: []span{{0, 0}}},
		"too many spans":   {packed: int64(len(zip)), size: 100, spans: make([]span, MaxRanges+1)},
		"too much base":    {packed: int64(len(zip)), size: 100, spans: []span{{0, 4000}, {0, MaxBase}}},
		"expands to more":  {packed: int64(len(zip)), size: 99},
		"expands to less":  {packed: int64(len(must(expandable(50)))), size: 100},
	} {
		body := zip
		if name == "expands to less" {
			body = must(expandable(50))
		}
		if _, err := io.ReadAll(part.Unpack(bytes.NewReader(append(s.append(nil), body...)), bytes.NewReader(base))); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := errors.New("the disk is gone")
	if _, err := io.ReadAll(part.Unpack(iotest.ErrReader(broken), bytes.NewReader(base))); !errors.Is(err, broken) {
		t.Errorf("a disk that fails: %v", err)
	}
}

// expandable is a frame of zstd that expands to n bytes.
func expandable(n int) ([]byte, error) {
	now := make([]byte, n)
	return packPiece(&piece{segment: segment{packed: 1, size: int64(n)}}, now, nil)
}

// However large the systems are, unpacking takes a bounded memory.
func TestMemory(t *testing.T) {
	root := bytes.Repeat(program(5, 4<<20), 8) // 32 MiB
	for i := 0; i < len(root); i += 3000 {
		root[i] ^= byte(i >> 12)
	}
	next := append([]byte("shifted"), root...)
	for i := 0; i < len(next); i += 5000 { // no long run is left: all of it is packed with a base
		next[i]++
	}
	base, now := System{1, [2][]byte{{1}, root}}, System{2, [2][]byte{{1}, next}}
	b := make1(t, now, &base)
	m := must(Open(must(Head(bytes.NewReader(b))), public()))
	payload := b[HeadSize(must(Head(bytes.NewReader(b)))):]
	defer debug.SetGCPercent(debug.SetGCPercent(5)) // garbage goes at once, so that what is in use is what is needed
	r := m.Parts[1].Unpack(bytes.NewReader(payload[m.Parts[0].Packed:]), bytes.NewReader(root))
	before, most, done := inUse(), uint64(0), make(chan bool)
	sampled := make(chan bool)
	go func() {
		defer close(sampled)
		for {
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
				var now runtime.MemStats
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapAlloc-min(before, now.HeapAlloc))
			}
		}
	}()
	h := sha256.New()
	_, err := io.Copy(h, r)
	close(done)
	<-sampled
	if err != nil || [32]byte(h.Sum(nil)) != sha256.Sum256(next) {
		t.Errorf("other bytes, %v", err)
	}
	if most > 32<<20 {
		t.Errorf("%d MiB are needed to unpack 32 MiB", most>>20)
	}
	t.Logf("delta of %d bytes; at most %d MiB in use", len(payload), most>>20)
}

func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
