package link

import (
	"bytes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// peer is a small Noise implementation of our own (25519, ChaChaPoly,
// SHA256), written from the specification, so that the tests do not ask the
// library whether the library is right. It has no scruples: it sends whatever it
// is told to send.
type peer struct {
	initiator bool
	psk       bool // the pattern has a psk, which changes what e does
	secret    []byte
	s, e      *ecdh.PrivateKey
	rs, re    *ecdh.PublicKey

	ck, h []byte
	key   []byte
	n     uint64
}

// newPeer starts a handshake in which the responder's static key is known
// beforehand: the K of XK.
func newPeer(protocol string, initiator bool, s *ecdh.PrivateKey, rs *ecdh.PublicKey, prologue []byte) *peer {
	p := &peer{initiator: initiator, s: s, rs: rs, psk: strings.Contains(protocol, "psk")}
	if p.h = []byte(protocol); len(p.h) != 32 { // a name of 32 bytes, as ours, is its own hash
		digest := sha256.Sum256(p.h)
		p.h = digest[:]
	}
	p.ck = p.h
	p.mixHash(prologue)
	if initiator {
		p.mixHash(rs.Bytes())
	} else {
		p.mixHash(s.PublicKey().Bytes())
	}
	return p
}

func (p *peer) mixHash(b []byte) {
	digest := sha256.Sum256(append(bytes.Clone(p.h), b...))
	p.h = digest[:]
}

// hkdf gives n outputs of Noise's HKDF on the chaining key.
func (p *peer) hkdf(ikm []byte, n int) [][]byte {
	mac := func(key []byte, parts ...[]byte) []byte {
		m := hmac.New(sha256.New, key)
		for _, x := range parts {
			m.Write(x)
		}
		return m.Sum(nil)
	}
	key, last := mac(p.ck, ikm), []byte{}
	var out [][]byte
	for i := 1; i <= n; i++ {
		last = mac(key, last, []byte{byte(i)})
		out = append(out, last)
	}
	return out
}

func (p *peer) mixKey(ikm []byte) {
	o := p.hkdf(ikm, 2)
	p.ck, p.key, p.n = o[0], o[1], 0
}

func (p *peer) mixKeyAndHash(ikm []byte) {
	o := p.hkdf(ikm, 3)
	p.ck, p.key, p.n = o[0], o[2], 0
	p.mixHash(o[1])
}

// split gives the keys of the transport: initiator's sending, responder's sending.
func (p *peer) split() (up, down *peerCipher) {
	o := p.hkdf(nil, 2)
	return &peerCipher{key: o[0]}, &peerCipher{key: o[1]}
}

func (p *peer) encrypt(plain []byte) []byte {
	out := plain
	if p.key != nil {
		out = aead(p.key).Seal(nil, nonce(p.n), plain, p.h)
		p.n++
	}
	p.mixHash(out)
	return out
}

func (p *peer) decrypt(b []byte) ([]byte, error) {
	out := b
	if p.key != nil {
		var err error
		if out, err = aead(p.key).Open(nil, nonce(p.n), b, p.h); err != nil {
			return nil, err
		}
		p.n++
	}
	p.mixHash(b)
	return out, nil
}

// mix does the tokens that carry no bytes.
func (p *peer) mix(token string) {
	dh := func(k *ecdh.PrivateKey, q *ecdh.PublicKey) {
		shared, err := k.ECDH(q)
		if err != nil {
			panic(err)
		}
		p.mixKey(shared)
	}
	switch token {
	case "ee":
		dh(p.e, p.re)
	case "psk":
		p.mixKeyAndHash(p.secret)
	case "es", "se": // the first letter is the initiator's key
		if (token == "es") == p.initiator {
			dh(p.e, p.rs)
		} else {
			dh(p.s, p.re)
		}
	}
}

func (p *peer) write(tokens string, payload []byte) []byte {
	var out []byte
	for _, t := range strings.Fields(tokens) {
		switch t {
		case "e":
			p.e, _ = ecdh.X25519().GenerateKey(rand.Reader)
			b := p.e.PublicKey().Bytes()
			out = append(out, b...)
			p.mixHash(b)
			if p.psk {
				p.mixKey(b)
			}
		case "s":
			out = append(out, p.encrypt(p.s.PublicKey().Bytes())...)
		default:
			p.mix(t)
		}
	}
	return append(out, p.encrypt(payload)...)
}

func (p *peer) read(tokens string, m []byte) (payload []byte, err error) {
	take := func(n int) []byte {
		n = min(n, len(m))
		b := m[:n]
		m = m[n:]
		return b
	}
	for _, t := range strings.Fields(tokens) {
		switch t {
		case "e":
			b := take(32)
			if p.re, err = ecdh.X25519().NewPublicKey(b); err != nil {
				return nil, err
			}
			p.mixHash(b)
			if p.psk {
				p.mixKey(b)
			}
		case "s":
			b, err := p.decrypt(take(48))
			if err != nil {
				return nil, err
			}
			if p.rs, err = ecdh.X25519().NewPublicKey(b); err != nil {
				return nil, err
			}
		default:
			p.mix(t)
		}
	}
	return p.decrypt(m)
}

// peerCipher is one direction of the transport.
type peerCipher struct {
	key []byte
	n   uint64
}

func (c *peerCipher) seal(ad, plain []byte) []byte {
	out := aead(c.key).Seal(nil, nonce(c.n), plain, ad)
	c.n++
	return out
}

func (c *peerCipher) open(ad, b []byte) ([]byte, error) {
	out, err := aead(c.key).Open(nil, nonce(c.n), b, ad)
	if err != nil {
		return nil, errors.New("peer: not authentic")
	}
	c.n++
	return out, nil
}

// rekey is section 4.2 of the Noise specification; the nonce counts on.
func (c *peerCipher) rekey() {
	c.key = aead(c.key).Seal(nil, nonce(1<<64-1), make([]byte, 32), nil)[:32]
}

func aead(key []byte) cipher.AEAD {
	a, err := chacha20poly1305.New(key)
	if err != nil {
		panic(err)
	}
	return a
}

func nonce(n uint64) []byte {
	return binary.LittleEndian.AppendUint64(make([]byte, 4), n)
}
