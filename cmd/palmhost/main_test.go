package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"volar/enclave/host/store"
	"volar/internal/emulated"
	"volar/wire"
)

// TestMain lets this binary be palmhost itself, and a vault that echoes.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"palmhost": main, "echovault": echoVault})
}

func TestScripts(t *testing.T) {
	emulated.Skip(t)
	testscript.Run(t, testscript.Params{Dir: "testdata"})
}

// echoVault stores a blob when it starts and when its sessions end, and
// sends every frame back. With an argument it dies at the frame "die".
func echoVault() {
	var links [2]net.Conn
	for i := range links {
		c, err := net.FileConn(os.NewFile(uintptr(3+i), "link"))
		if err != nil {
			panic(err)
		}
		links[i] = c
	}
	storeBlob(links[1], "begin")
	defer storeBlob(links[1], "end")
	for {
		b, err := wire.ReadFrame32(links[0], wire.MaxEnvelope)
		if err != nil {
			return
		}
		e, err := wire.DecodeEnvelope(b)
		if err != nil {
			panic(err)
		}
		if string(e.Payload) == "die" {
			os.Exit(3)
		}
		if e.Kind == wire.Data && wire.WriteFrame32(links[0], b) != nil {
			return
		}
	}
}

func storeBlob(link net.Conn, key string) {
	b, err := wire.EncodeBlobRequest(wire.BlobRequest{ID: 7, Op: wire.BlobApply, Puts: []wire.Blob{{Key: key}}})
	if err == nil {
		err = wire.WriteFrame32(link, b)
	}
	if err == nil {
		b, err = wire.ReadFrame32(link, wire.MaxFrame32)
	}
	if r, derr := wire.DecodeBlobReply(b); err != nil || derr != nil || r.ID != 7 || r.Err != "" {
		panic(fmt.Sprint(err, derr, r.Err))
	}
}

// host is a running palmhost.
type host struct {
	ready
	cmd *exec.Cmd
	db  string
	log *strings.Builder
}

func startHost(t *testing.T) *host {
	t.Helper()
	h := &host{db: filepath.Join(t.TempDir(), "blobs.db"), log: &strings.Builder{}}
	h.cmd = exec.Command("palmhost", "-db", h.db, "-launch", "echovault")
	h.cmd.Stderr = h.log
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		h.cmd.Wait()
		t.Fatalf("no ready line: %v\n%s", err, h.log)
	}
	if err := json.Unmarshal(line, &h.ready); err != nil {
		t.Fatalf("ready line %q: %v", line, err)
	}
	return h
}

func (h *host) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", h.Listen)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

func echoed(c net.Conn, frame string) error {
	if err := wire.WriteFrame16(c, []byte(frame)); err != nil {
		return err
	}
	got, err := wire.ReadFrame16(c)
	if err == nil && string(got) != frame {
		err = fmt.Errorf("sent %q, got %q", frame, got)
	}
	return err
}

func (h *host) scrape(t *testing.T) string {
	t.Helper()
	r, err := http.Get("http://" + h.Metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatal(r.Status, err)
	}
	return string(b)
}

func TestLifeOfAHost(t *testing.T) {
	emulated.Skip(t)
	h := startHost(t)
	c := h.dial(t)
	const planted = "planted-in-a-frame"
	if err := echoed(c, planted); err != nil {
		t.Fatal(err)
	}
	metrics := h.scrape(t)
	for _, want := range []string{"palmhost_connections 1", "palmhost_vault_up 1", `palmhost_frames_total{direction="in"} 1`,
		`palmhost_frame_bytes_total{direction="out"} 18`, `palmhost_store_operations_total{op="apply",result="done"} 1`,
		"palmhost_vault_restarts_total 0", "go_goroutines", "process_resident_memory_bytes"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %q", want)
		}
	}

	if err := wire.WriteFrame16(c, []byte("die")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the vault died, the connection: %v", err)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if c = h.dial(t); echoed(c, "again") == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("no vault came back\n%s", h.log)
		}
	}

	if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("after SIGTERM the connection: %v", err)
	}
	if err := h.cmd.Wait(); err != nil {
		t.Errorf("palmhost ended with %v", err)
	}
	if _, err := net.Dial("tcp", h.Listen); err == nil {
		t.Error("it still listens")
	}
	said := h.log.String()
	for _, want := range []string{"vault started", "vault is gone", "exit status 3", "restart_in=200ms", "vault ended"} {
		if !strings.Contains(said, want) {
			t.Errorf("the log lacks %q:\n%s", want, said)
		}
	}
	for _, secret := range []string{planted, c.LocalAddr().String()} {
		if strings.Contains(said, secret) || strings.Contains(metrics, secret) {
			t.Errorf("%q is in the log or the metrics", secret)
		}
	}

	s, err := store.Open(t.Context(), h.db)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, key := range []string{"begin", "end"} { // the last Apply came after SIGTERM
		if _, found, err := s.Get(t.Context(), key); err != nil || !found {
			t.Errorf("blob %q: found %v, %v", key, found, err)
		}
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	emulated.Skip(t)
	h := startHost(t)
	if err := echoed(h.dial(t), "begun"); err != nil { // answered, so the host knows of the device and will drain it
		t.Fatal(err)
	}
	h.cmd.Process.Signal(os.Interrupt)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("tcp", h.Listen)
		if err != nil {
			break // the first has been heard
		}
		c.Close()
		if time.Now().After(end) {
			t.Fatal("it goes on listening")
		}
	}
	h.cmd.Process.Signal(os.Interrupt)
	err := h.cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGINT {
		t.Errorf("it ended with %v", err)
	}
}
