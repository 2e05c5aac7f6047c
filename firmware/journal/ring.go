package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// The journal is a ring of files, of which the oldest goes when there is no
// room for a new one, and a file with the end of the last run that crashed,
// which a flood of later lines does not push out.

const (
	segments  = 8  // files that the size is shared by, one of them the crash
	maxFiles  = 64 // and not more than this: a unit that starts over and over leaves torn files
	crashFile = "crash"
	freshFile = "crash.new"
)

// ring is the files.
type ring struct {
	disk  disk
	size  int64
	files []file // oldest first; the last one is written to
}

type file struct {
	number uint64
	size   int64
}

func (f file) name() string { return fmt.Sprintf("%016d.log", f.number) }

// segment is how long a file may become.
func (r *ring) segment() int64 { return r.size / segments }

// open lists the files and reads the lines. The file that is written to is
// new where the last one is torn: nothing is ever written behind half a record.
func (r *ring) open() (all []Line, err error) {
	names, err := r.disk.list()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if digits, ok := strings.CutSuffix(name, ".log"); ok && len(digits) == 16 {
			if n, err := strconv.ParseUint(digits, 10, 64); err == nil {
				r.files = append(r.files, file{number: n})
			}
		}
	}
	slices.SortFunc(r.files, func(a, b file) int { return strings.Compare(a.name(), b.name()) })
	torn := false
	for i := range r.files {
		b, err := r.disk.read(r.files[i].name(), r.size)
		if err != nil {
			return nil, err
		}
		var lines []Line
		lines, torn = parseAll(b)
		all = append(all, lines...)
		r.files[i].size = int64(len(b))
	}
	if torn || len(r.files) == 0 {
		r.next()
	}
	return all, r.shrink(0)
}

// next begins a new file. It is there with its first record.
func (r *ring) next() {
	n := uint64(1)
	if len(r.files) > 0 {
		n = r.files[len(r.files)-1].number + 1
	}
	r.files = append(r.files, file{number: n})
}

// write appends records, all of them whole, and syncs. Where it fails, half a
// record may be there: the next write begins a new file.
func (r *ring) write(b []byte) error {
	last := r.files[len(r.files)-1]
	if last.size > 0 && last.size+int64(len(b)) > r.segment() {
		r.next()
	}
	if err := r.shrink(int64(len(b))); err != nil {
		return err
	}
	to := &r.files[len(r.files)-1]
	if err := r.disk.append(to.name(), b); err != nil {
		to.size = r.segment() // nothing is written behind what may be torn
		return err
	}
	to.size += int64(len(b))
	return nil
}

// shrink removes the oldest files until more bytes fit.
func (r *ring) shrink(more int64) error {
	total := more
	for _, f := range r.files {
		total += f.size
	}
	room := r.size - r.segment() // the rest is the crash's
	for len(r.files) > 1 && (total > room || len(r.files) > maxFiles) {
		if err := r.disk.remove(r.files[0].name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		total -= r.files[0].size
		r.files = r.files[1:]
	}
	return nil
}

// keepCrash sets the last lines of the last run aside, where it did not end
// by itself, in place of those of an earlier crash.
func (r *ring) keepCrash(all []Line) error {
	if len(all) == 0 || all[len(all)-1].kind() == kindEnd {
		return nil
	}
	last := all[len(all)-1].Run
	var b []byte
	for i := len(all) - 1; i >= 0 && all[i].Run == last; i-- {
		record := frame(nil, all[i])
		if int64(len(b)+len(record)) > r.segment()/2 { // two of them are there while one replaces the other
			break
		}
		b = append(record, b...)
	}
	if err := r.disk.remove(freshFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := r.disk.append(freshFile, b); err != nil {
		return err
	}
	return r.disk.rename(freshFile, crashFile)
}

func (r *ring) close() error { return r.disk.close() }
