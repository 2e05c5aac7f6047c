package main

import (
	"fmt"
	"io"
	"time"
)

// progressBar tells, a line at a time and not too often, how far long work is.
type progressBar struct {
	to          io.Writer
	what        string
	done, total int
	began, told time.Time
}

func newProgress(to io.Writer, what string, total int) *progressBar {
	now := time.Now()
	return &progressBar{to: to, what: what, total: total, began: now, told: now}
}

// add tells where a second has passed since it last did.
func (p *progressBar) add(n int) {
	p.done += n
	if now := time.Now(); now.Sub(p.told) >= time.Second {
		p.told = now
		p.tell()
	}
}

func (p *progressBar) tell() {
	took := time.Since(p.began).Round(time.Second)
	left := time.Duration(float64(took) / float64(max(p.done, 1)) * float64(p.total-p.done)).Round(time.Second)
	fmt.Fprintf(p.to, "%d of %d %s, %v, about %v left\n", p.done, p.total, p.what, took, left)
}

// end tells the total, where anything was told before.
func (p *progressBar) end() {
	if p.told != p.began {
		fmt.Fprintf(p.to, "%d of %d %s, %v\n", p.done, p.total, p.what, time.Since(p.began).Round(time.Second))
	}
}
