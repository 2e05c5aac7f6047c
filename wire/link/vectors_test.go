package link

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/flynn/noise"
)

// vector is one of the cacophony format: keys, prologues and every message
// of a handshake and of the transport behind it, in hexadecimal.
type vector struct {
	Name     string   `json:"protocol_name"`
	IPro     string   `json:"init_prologue"`
	IPSKs    []string `json:"init_psks"`
	IE       string   `json:"init_ephemeral"`
	IS       string   `json:"init_static"`
	IRS      string   `json:"init_remote_static"`
	RPro     string   `json:"resp_prologue"`
	RPSKs    []string `json:"resp_psks"`
	RE       string   `json:"resp_ephemeral"`
	RS       string   `json:"resp_static"`
	RRS      string   `json:"resp_remote_static"`
	HH       string   `json:"handshake_hash"`
	Messages []struct{ Payload, Ciphertext string }
}

var (
	patterns = map[string]noise.HandshakePattern{"N": noise.HandshakeN, "K": noise.HandshakeK, "X": noise.HandshakeX,
		"NN": noise.HandshakeNN, "KN": noise.HandshakeKN, "NK": noise.HandshakeNK, "KK": noise.HandshakeKK, "NX": noise.HandshakeNX, "KX": noise.HandshakeKX,
		"XN": noise.HandshakeXN, "IN": noise.HandshakeIN, "XK": noise.HandshakeXK, "IK": noise.HandshakeIK, "XX": noise.HandshakeXX, "IX": noise.HandshakeIX}
	ciphers = map[string]noise.CipherFunc{"AESGCM": noise.CipherAESGCM, "ChaChaPoly": noise.CipherChaChaPoly}
	hashes  = map[string]noise.HashFunc{"SHA256": noise.HashSHA256, "SHA512": noise.HashSHA512, "BLAKE2b": noise.HashBLAKE2b, "BLAKE2s": noise.HashBLAKE2s}
	onePSK  = regexp.MustCompile(`^([NKXI]{1,2})(psk(\d))?$`)
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// configs sets both sides up, with every static key behind our Static, as in
// a session. ok is false when the library has no such protocol.
func (v vector) configs() (i, r noise.Config, oneWay, ok bool) {
	p := strings.Split(v.Name, "_")
	m := onePSK.FindStringSubmatch(p[1])
	if p[2] != "25519" || m == nil || ciphers[p[3]] == nil || hashes[p[4]] == nil {
		return i, r, false, false
	}
	pattern, ok := patterns[m[1]]
	if !ok {
		return i, r, false, false
	}
	side := func(static, peer, ephemeral, prologue string) noise.Config {
		c := noise.Config{Pattern: pattern, Prologue: unhex(prologue), PeerStatic: unhex(peer), Random: bytes.NewReader(unhex(ephemeral))}
		var key *Key
		if static != "" {
			var err error
			if key, err = NewKey([32]byte(unhex(static))); err != nil {
				panic(err)
			}
			public := key.Public()
			c.StaticKeypair = noise.DHKey{Private: callback, Public: public[:]}
		}
		c.CipherSuite = noise.NewCipherSuite(dh{key}, ciphers[p[3]], hashes[p[4]])
		return c
	}
	i, r = side(v.IS, v.IRS, v.IE, v.IPro), side(v.RS, v.RRS, v.RE, v.RPro)
	i.Initiator = true
	if m[3] != "" {
		n, _ := strconv.Atoi(m[3])
		i.PresharedKeyPlacement, r.PresharedKeyPlacement = n, n
		i.PresharedKey, r.PresharedKey = unhex(v.IPSKs[0]), unhex(v.RPSKs[0])
	}
	return i, r, len(m[1]) == 1, true
}

// ends are the transport ciphers by sender: 0 the initiator, 1 the responder.
type ends struct{ out, in [2]*noise.CipherState }

// handshake sends one message and gives the ciphers after the last.
func handshake(w, r *noise.HandshakeState, from int, payload []byte) (ct, pt []byte, done *ends, err error) {
	ct, w0, w1, err := w.WriteMessage(nil, payload)
	if err != nil {
		return nil, nil, nil, err
	}
	pt, r0, r1, err := r.ReadMessage(nil, ct)
	if err != nil || w0 == nil {
		return ct, pt, nil, err
	}
	if from == 0 { // the first cipher is always for initiator to responder
		return ct, pt, &ends{[2]*noise.CipherState{w0, r1}, [2]*noise.CipherState{r0, w1}}, nil
	}
	return ct, pt, &ends{[2]*noise.CipherState{r0, w1}, [2]*noise.CipherState{w0, r1}}, nil
}

// replay runs one vector. ran is false when the library has no such protocol.
func (v vector) replay() (ran bool, err error) {
	ci, cr, oneWay, ok := v.configs()
	if !ok {
		return false, nil
	}
	side := [2]*noise.HandshakeState{}
	for k, c := range []noise.Config{ci, cr} {
		if side[k], err = noise.NewHandshakeState(c); err != nil {
			return true, err
		}
	}
	var transport *ends
	for i, want := range v.Messages {
		from := i % 2
		if oneWay {
			from = 0
		}
		var ct, pt []byte
		if transport == nil {
			if ct, pt, transport, err = handshake(side[from], side[1-from], from, unhex(want.Payload)); err != nil {
				return true, err
			}
			if hh := unhex(v.HH); transport != nil && len(hh) > 0 && !(bytes.Equal(side[0].ChannelBinding(), hh) && bytes.Equal(side[1].ChannelBinding(), hh)) {
				return true, fmt.Errorf("another handshake hash")
			}
		} else {
			ct, _ = transport.out[from].Encrypt(nil, nil, unhex(want.Payload))
			pt, _ = transport.in[from].Decrypt(nil, nil, ct)
		}
		if hex.EncodeToString(ct) != want.Ciphertext || hex.EncodeToString(pt) != want.Payload {
			return true, fmt.Errorf("message %d differs", i)
		}
	}
	return true, nil
}

// The counts are asserted, so that no vector falls out silently.
func TestOutsideVectors(t *testing.T) {
	const folder = "../../../shared/vectors/noise/" // beside the repository
	for _, f := range []struct {
		name              string
		total, applicable int
	}{{"cacophony.txt", 944, 288}, {"snow.txt", 408, 120}} {
		t.Run(f.name, func(t *testing.T) {
			b, err := os.ReadFile(folder + f.name)
			if err != nil {
				t.Skip("the outside vectors are not beside this repository, in ../shared/vectors/noise: ", err)
			}
			var file struct{ Vectors []vector }
			if err := json.Unmarshal(b, &file); err != nil {
				t.Fatal(err)
			}
			pass, ours := 0, 0
			for _, v := range file.Vectors {
				ran, err := v.replay()
				if err != nil {
					t.Error(v.Name, err)
				} else if ran {
					pass++
				}
				if v.Name == suiteName && ran {
					ours++
				}
			}
			if len(file.Vectors) != f.total || pass != f.applicable || ours < 1 {
				t.Errorf("%d vectors, %d pass, %d of our protocol; want %d, %d, at least 1", len(file.Vectors), pass, ours, f.total, f.applicable)
			}
		})
	}
}
