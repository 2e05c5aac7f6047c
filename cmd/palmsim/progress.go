package main

import (
	"fmt"
	"io"
	"time"
)

// progressBar tells, a line at a time and not too often, how far long work is.
// It goes by the machine's clock, since some work is done under one of its own.
type progressBar struct {
	to          io.Writer
	what        string
	done, total int
	began, told time.Duration
}

func newProgress(to io.Writer, what string, total int) *progressBar {
	now := sinceBoot()
	return &progressBar{to: to, what: what, total: total, began: now, told: now}
}

// add tells where a second has passed since it last did, and not of the last:
// that is for end.
func (p *progressBar) add(n int) {
	p.done += n
	if now := sinceBoot(); p.done < p.total && now-p.told >= time.Second {
		p.told = now
		took := now - p.began
		left := time.Duration(float64(took) / float64(max(p.done, 1)) * float64(p.total-p.done))
		fmt.Fprintf(p.to, "%d of %d %s, %v, about %v left\n", p.done, p.total, p.what, took.Round(time.Second), left.Round(time.Second))
	}
}

// end tells the total, where the work took long enough to be told of.
func (p *progressBar) end() {
	if took := sinceBoot() - p.began; took >= time.Second {
		fmt.Fprintf(p.to, "%d of %d %s, %v\n", p.done, p.total, p.what, took.Round(time.Second))
	}
}
