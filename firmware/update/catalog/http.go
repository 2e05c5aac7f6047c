package catalog

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// HTTP is a Source on a web server, such as palmhost's.
type HTTP struct {
	base   *url.URL
	client *http.Client
}

// stall is how long a server may say nothing.
const stall = time.Minute

// NewHTTP makes a source of what lies under base: "http://10.0.2.2:7080/".
// Neither the server nor the network is trusted, so plain HTTP will do.
func NewHTTP(base string) (*HTTP, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("catalog: %q is no address of a web server, such as http://10.0.2.2:7080/", base)
	}
	dialer := net.Dialer{Timeout: 20 * time.Second}
	return &HTTP{u, &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DialContext: dialer.DialContext, ResponseHeaderTimeout: stall, MaxResponseHeaderBytes: 16 << 10,
			DisableCompression: true, IdleConnTimeout: stall},
	}}, nil
}

// Open asks for a file from a byte on.
func (h *HTTP) Open(ctx context.Context, name string, from int64) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, h.base.JoinPath(name).String(), nil)
	if err != nil {
		cancel()
		return nil, err
	}
	if from > 0 {
		q.Header.Set("Range", "bytes="+strconv.FormatInt(from, 10)+"-")
	}
	r, err := h.client.Do(q)
	if err != nil {
		cancel()
		return nil, err
	}
	body := &body{ReadCloser: r.Body, cancel: cancel, timer: time.AfterFunc(stall, cancel)}
	switch {
	case r.StatusCode == http.StatusOK && from > 0: // it knows no ranges
		if _, err := io.CopyN(io.Discard, body, from); err != nil {
			body.Close()
			return nil, fmt.Errorf("pass over %d bytes: %w", from, err)
		}
	case r.StatusCode == http.StatusOK, r.StatusCode == http.StatusPartialContent && from > 0:
	case r.StatusCode == http.StatusNotFound:
		body.Close()
		return nil, ErrNotFound
	default:
		body.Close()
		return nil, fmt.Errorf("the server says %s", r.Status)
	}
	return body, nil
}

// body is an answer that is given up when nothing comes for a while.
type body struct {
	io.ReadCloser
	cancel context.CancelFunc
	timer  *time.Timer
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.timer.Reset(stall)
	return n, err
}

func (b *body) Close() error {
	b.timer.Stop()
	b.cancel()
	return b.ReadCloser.Close()
}
