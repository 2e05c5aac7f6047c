package main

import (
	"io"
	"os"
	"strconv"
	"strings"
)

// worst is the lowest urgency of kernel lines that are kept: warnings.
const worst = 4

// keepKernel copies what the kernel warns of to the journal. A record is
// "priority,sequence,time,flags;text" and is read whole (kernel:
// ABI/testing/dev-kmsg).
func keepKernel(to io.Writer) {
	f, err := os.Open("/dev/kmsg")
	if err != nil {
		return
	}
	defer f.Close()
	buf := make([]byte, 8<<10)
	for {
		n, err := f.Read(buf)
		if err != nil {
			if !strings.Contains(err.Error(), "broken pipe") { // EPIPE: lines were lost, the next read goes on
				return
			}
			continue
		}
		head, text, _ := strings.Cut(string(buf[:n]), ";")
		number, _, _ := strings.Cut(head, ",")
		priority, err := strconv.Atoi(number)
		if err != nil || priority&7 > worst {
			continue
		}
		line, _, _ := strings.Cut(text, "\n")
		io.WriteString(to, line+"\n")
	}
}
