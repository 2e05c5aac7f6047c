package gateway

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Why a connection ended, as the label of a metric.
const (
	endDevice    = "device"     // the device closed it, or its network did
	endVault     = "vault"      // the vault closed the session
	endGarbage   = "garbage"    // not a frame
	endHandshake = "handshake"  // no handshake in time
	endFrameTime = "frame_time" // a frame was begun and not finished
	endIdle      = "idle"
	endSlow      = "slow"       // the device does not take its replies
	endBusy      = "vault_busy" // the vault took no frame in time
	endVaultGone = "vault_gone"
	endShutdown  = "shutdown"
)

// Why a connection was refused, as the label of a metric.
const (
	refuseFull    = "full"
	refuseAddress = "address"
	refuseVault   = "vault_down"
)

// Metrics count what the host does, never for whom: no label comes from a
// device, a tenant, a person, or a blob.
type Metrics struct {
	connections prometheus.Gauge
	accepted    prometheus.Counter
	refused     *prometheus.CounterVec // by reason
	closed      *prometheus.CounterVec // by reason
	frames      *prometheus.CounterVec // by direction
	bytes       *prometheus.CounterVec // by direction
	throttled   prometheus.Counter
	dropped     prometheus.Counter
	taken       prometheus.Histogram
	replied     prometheus.Histogram

	vaultUp  prometheus.Gauge
	restarts prometheus.Counter

	storeOps  *prometheus.CounterVec   // by op and result
	storeTime *prometheus.HistogramVec // by op
}

// NewMetrics makes the metrics and registers them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "palmhost_" + name, Help: help})
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "palmhost_" + name, Help: help}, labels)
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "palmhost_" + name, Help: help})
	}
	times := prometheus.ExponentialBuckets(0.0005, 2, 16) // 0.5 ms to 16 s
	m := &Metrics{
		connections: gauge("connections", "Connections of devices that are open."),
		accepted:    counter("connections_accepted_total", "Connections of devices that were accepted."),
		refused:     counters("connections_refused_total", "Connections that were closed before a byte was read.", "reason"),
		closed:      counters("connections_closed_total", "Connections that have ended.", "reason"),
		frames:      counters("frames_total", "Frames between devices and the vault.", "direction"),
		bytes:       counters("frame_bytes_total", "Bytes of these frames, without their lengths.", "direction"),
		throttled:   counter("frames_throttled_total", "Frames that came faster than a device's rate and waited."),
		dropped:     counter("replies_dropped_total", "Replies of the vault to connections that had ended or did not take them."),
		taken: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "palmhost_vault_wait_seconds",
			Help: "How long a frame waited until the vault's link took it.", Buckets: times}),
		replied: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "palmhost_reply_seconds",
			Help: "From a connection's latest frame to the vault's reply.", Buckets: times}),
		vaultUp:  gauge("vault_up", "1 while a vault is running."),
		restarts: counter("vault_restarts_total", "Attempts to start the vault again."),
		storeOps: counters("store_operations_total", "Requests of the vault to the store.", "op", "result"),
		storeTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "palmhost_store_seconds",
			Help: "How long the store took for a request.", Buckets: times}, []string{"op"}),
	}
	r.MustRegister(m.connections, m.accepted, m.refused, m.closed, m.frames, m.bytes, m.throttled, m.dropped, m.taken, m.replied,
		m.vaultUp, m.restarts, m.storeOps, m.storeTime)
	return m
}

// frame counts one frame of size bytes, "in" from a device or "out" to one.
func (m *Metrics) frame(direction string, size int) {
	m.frames.WithLabelValues(direction).Inc()
	m.bytes.WithLabelValues(direction).Add(float64(size))
}

// store counts one request of the vault.
func (m *Metrics) store(op string, began time.Time, err error) {
	result := "done"
	if err != nil {
		result = "failed"
	}
	m.storeOps.WithLabelValues(op, result).Inc()
	m.storeTime.WithLabelValues(op).Observe(time.Since(began).Seconds())
}
