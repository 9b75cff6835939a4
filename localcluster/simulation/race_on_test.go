//go:build race

package simulation

// An ensemble lives in one goroutine, so the race detector finds nothing in long
// runs but the time to make them; what it does look at, a campaign on all cores, is
// short.
const raceDetector = true
