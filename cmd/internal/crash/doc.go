// Package crash has tests alone: a gallery on the real store and on a real
// counter, in a process that is killed, or whose disk fails, at every write,
// fsync, rename and counter operation in turn.
package crash
