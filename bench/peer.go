package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A peer is a program of the peers folder that searches the same codes (peers/peer.h).
type peer struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

// startPeer builds and starts a program, which then reads codes and probes.
func startPeer(dir, name string, flags []string, codes, probes string, size int) (*peer, error) {
	program := filepath.Join(dir, name)
	args := append([]string{"-O2", "-std=c++17", "-o", program, "bench/peers/" + name + ".cc"}, flags...)
	if text, err := exec.Command("g++", args...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build bench/peers/%s.cc (make bench-peers installs what it needs): %w\n%s", name, err, text)
	}
	p := &peer{cmd: exec.Command(program, codes, probes, fmt.Sprint(size))}
	p.cmd.Stderr = os.Stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewScanner(out)
	p.out.Buffer(nil, 1<<20)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if line, err := p.line(); err != nil || line != "ready" {
		return nil, fmt.Errorf("start %s: %q: %w", name, line, err)
	}
	return p, nil
}

func (p *peer) line() (string, error) {
	if !p.out.Scan() {
		if err := p.out.Err(); err != nil {
			return "", err
		}
		return "", io.ErrUnexpectedEOF
	}
	return p.out.Text(), nil
}

// search runs some of the probes: the CPU seconds it took, and the nearest code of each.
func (p *peer) search(engine string, first, count int) (seconds float64, nearest []int, err error) {
	if _, err := fmt.Fprintln(p.in, engine, first, count); err != nil {
		return 0, nil, err
	}
	line, err := p.line()
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", engine, err)
	}
	r := strings.NewReader(line)
	if _, err := fmt.Fscan(r, &seconds); err != nil {
		return 0, nil, fmt.Errorf("%s: %q: %w", engine, line, err)
	}
	nearest = make([]int, count)
	for i := range nearest {
		if _, err := fmt.Fscan(r, &nearest[i]); err != nil {
			return 0, nil, fmt.Errorf("%s: %d of %d answers: %w", engine, i, count, err)
		}
	}
	return seconds, nearest, nil
}

func (p *peer) stop() error {
	p.in.Close()
	return p.cmd.Wait()
}
