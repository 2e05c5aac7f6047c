// Package replay plays tapes to the real firmware and the real vault and says
// what every stage made of them, so that two builds can be compared on the
// same recordings.
//
// Time is virtual: the code runs in a bubble of testing/synctest, whose clock
// goes on when everything in it waits. So nothing in firmware, link or vault
// has to know that it is being replayed, a tape that lasts an hour takes as
// long as its arithmetic, and equal tapes have equal results. Random numbers
// come from a fixed stream. What is real is measured beside it: the time that
// each stage computed.
package replay
