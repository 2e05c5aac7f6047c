package bundle

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

// System is the two parts of a slot, in memory: boot and root.
type System struct {
	Serial uint64
	Parts  [2][]byte
}

// Make writes a bundle of the system now: whole, or what changed since base
// where that is not nil. about gives board, name and floor. Equal input gives
// equal bytes. progress, where not nil, is told how many of how many bytes
// are packed; it may be called by several goroutines at once.
func Make(ctx context.Context, w io.Writer, key ed25519.PrivateKey, about Manifest, now System, base *System, progress func(done, of int64)) (*Manifest, error) {
	m := &Manifest{Board: about.Board, Name: about.Name, Floor: about.Floor, Serial: now.Serial}
	if base != nil {
		m.From = base.Serial
	}
	var of, done int64
	for _, p := range now.Parts {
		of += int64(len(p))
	}
	var packed [2][]byte
	for i, p := range now.Parts {
		var from []byte
		if base != nil {
			from = base.Parts[i]
		}
		var err error
		packed[i], err = pack(ctx, p, from, func(n int64) {
			if progress != nil {
				progress(atomic.AddInt64(&done, n), of)
			}
		})
		if err != nil {
			return nil, fmt.Errorf("bundle: make %s: %w", Names[i], err)
		}
		m.Parts[i] = Part{Size: uint64(len(p)), Hash: sha256.Sum256(p), Packed: uint64(len(packed[i])), PackedHash: sha256.Sum256(packed[i])}
		if base != nil {
			m.Parts[i].BaseSize, m.Parts[i].BaseHash = uint64(len(from)), sha256.Sum256(from)
		}
	}
	return m, write(w, key, m, packed)
}

func write(w io.Writer, key ed25519.PrivateKey, m *Manifest, packed [2][]byte) error {
	manifest, err := m.Sign(key)
	if err != nil {
		return err
	}
	if err := WriteHead(w, manifest); err != nil {
		return err
	}
	for _, b := range packed {
		if _, err := w.Write(b); err != nil {
			return fmt.Errorf("bundle: write: %w", err)
		}
	}
	return nil
}

// pack packs one part, several segments at a time.
func pack(ctx context.Context, now, base []byte, progress func(int64)) ([]byte, error) {
	pieces := plan(now, base)
	bodies := make([][]byte, len(pieces))
	failed := make([]error, len(pieces))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(pieces)); i = next.Add(1) - 1 {
				if failed[i] = ctx.Err(); failed[i] == nil {
					bodies[i], failed[i] = packPiece(&pieces[i], now, base)
				}
				progress(pieces[i].size)
			}
		})
	}
	workers.Wait()
	var out []byte
	for i, p := range pieces {
		if failed[i] != nil {
			return nil, failed[i]
		}
		p.packed = int64(len(bodies[i]))
		out = append(p.append(out), bodies[i]...)
	}
	return out, nil
}

// packPiece gives the bytes that follow a segment's head.
func packPiece(p *piece, now, base []byte) ([]byte, error) {
	if p.packed == 0 {
		return nil, nil
	}
	var dict []byte
	for _, s := range p.spans {
		dict = append(dict, base[s.at:s.at+s.size]...)
	}
	window := 1 << 20 // must reach from the last byte that comes out to the first of the dictionary
	for window < len(dict)+int(p.size) {
		window <<= 1
	}
	options := []zstd.EOption{
		zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false), // SHA-256 tells
		zstd.WithEncoderLevel(zstd.SpeedBestCompression),
		zstd.WithWindowSize(window),
	}
	if len(dict) > 0 {
		options = append(options, zstd.WithEncoderDictRaw(0, dict))
	}
	e, err := zstd.NewWriter(nil, options...)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	body := e.EncodeAll(now[p.at:p.at+p.size], nil)
	if int64(len(body)) > maxPacked(p.size) {
		return nil, fmt.Errorf("%d bytes became %d", p.size, len(body))
	}
	return body, nil
}
