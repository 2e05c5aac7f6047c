package main

import (
	"fmt"
	"strings"

	"volar/wire/prov"
)

// signs are texts of units that start or cannot, and what to do.
var signs = []struct{ text, do string }{
	{"no slot is good", "neither system on its disk starts: write the image again with 'palmctl flash'"},
	{"no slot left", "neither system on its disk starts: write the image again with 'palmctl flash'"},
	{"damaged", "a system on its disk is damaged; it tries the other one: wait a minute, then ask again"},
	{"cannot measure", "the boot loader finds no TPM: is it on the board, and is its bus as boards/<board>/README.md has it?"},
	{"locked:", "its TPM does not open its secrets to this firmware: write the firmware that it had, or reset it with a ticket"},
	{"Kernel panic", "its kernel has stopped: 'palmctl crash' after the restart, or write the image again"},
	{"login:", "this is another computer's console, not a unit's port: look at the port in the board's README.md"},
	{"=> ", "the boot loader waits for somebody who types: an image of a release never does; write one"},
	{"U-Boot", "the unit is starting: wait half a minute, then ask again; if it says this for ever, it starts over and over"},
}

// judgeSilence says what silence, noise or text means.
func judgeSilence(path string, rates []int, heard [][]byte) finding {
	a := finding{Check: "unit"}
	total, text := 0, ""
	for _, h := range heard {
		total += len(h)
		if readable(h) {
			text += string(h)
		}
	}
	for _, s := range signs {
		if strings.Contains(text, s.text) {
			a.Says, a.Do = fmt.Sprintf("no answer, but the line says %q", firstLine(text, s.text)), s.do
			return a
		}
	}
	switch {
	case total == 0:
		a.Says = fmt.Sprintf("not a byte comes at %v bits a second", rates)
		a.Do = "is the unit powered, and is this its provisioning port (boards/<board>/README.md)? TX of the adapter goes to RX of the unit and the other way round; GND goes to GND; levels are 3.3 V"
	case text == "":
		a.Says = fmt.Sprintf("%d bytes came, and none of it is text: a rate that is not tried, or a line that picks up noise", total)
		a.Do = "give the board's rate with --rate; connect GND; use a shorter cable"
	case strings.Contains(text, "\x06\x09"):
		a.Says = "the line gives back what is sent"
		a.Do = "TX and RX are connected to each other, or an adapter echoes: separate them"
	default:
		a.Says = fmt.Sprintf("no answer, but text: %q", firstLine(text, ""))
		a.Do = fmt.Sprintf("another program may be behind %s, or a unit that is still starting: wait half a minute, then ask again", path)
	}
	return a
}

// readable tells whether bytes are mostly text or frames.
func readable(b []byte) bool {
	good := 0
	for _, c := range b {
		if c >= ' ' && c < 0x7f || c == '\n' || c == '\r' || c == '\t' || c == 0x06 || c == 0x04 {
			good++
		}
	}
	return len(b) > 0 && good*10 >= len(b)*9
}

// firstLine is the first line of text with something in it.
func firstLine(text, with string) string {
	for line := range strings.Lines(text) {
		if line = prov.Clean(line); line != "" && strings.Contains(line, with) {
			return line[:min(len(line), 120)]
		}
	}
	return ""
}
