package stack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Received is how many bytes devices have sent since Start returned, as the
// host's metrics count them.
func (s *Stack) Received(ctx context.Context) (uint64, error) {
	n, err := s.received(ctx)
	return n - s.before, err
}

func (s *Stack) received(ctx context.Context) (uint64, error) {
	const name = `palmhost_frame_bytes_total{direction="in"} `
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Metrics+"/metrics", nil)
	if err != nil {
		return 0, fmt.Errorf("stack: metrics: %w", err)
	}
	reply, err := http.DefaultClient.Do(ask)
	if err != nil {
		return 0, fmt.Errorf("stack: metrics: %w", err)
	}
	defer reply.Body.Close()
	lines := bufio.NewScanner(reply.Body)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), name); ok {
			v, err := strconv.ParseFloat(text, 64)
			return uint64(v), err
		}
	}
	return 0, errors.Join(fmt.Errorf("stack: metrics: no %s", name), lines.Err())
}
