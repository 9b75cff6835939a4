// Package report writes the result of a drill as one HTML file, which needs nothing else: no
// server, no network, no other file.
//
//	drill.Result --> data: tables, lanes, columns --> page.html, page.css, page.js --> report.html
//
// What must be read is in the file as text, with or without scripts: the verdict, the promises with
// the evidence against them, the limits, the faults with their times. The script draws the timeline:
//
//	faults      bands, through all panels
//	members     a lane each: who leads, follows, looks for a leader, is down or paused
//	operations  answered reads and writes and those of unknown outcome, a column for each piece of time
//	latency     half of the operations, and 99 of 100, are faster
//
// One scale of time is for all of them; the wheel zooms, and dragging moves. A piece of evidence is a
// link to its moment.
//
// However long a drill was, there are at most [Columns] columns, so that the file stays small.
package report
