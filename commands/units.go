package commands

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"zkctl/quorum"
)

// longTerm is a part of a duration that the time package has no unit for.
var longTerm = regexp.MustCompile(`^([0-9]+\.?[0-9]*|\.[0-9]+)([dwy])`)

// longUnits are days, weeks and years, in which failures are counted, in seconds.
var longUnits = map[string]float64{"d": 86_400, "w": 7 * 86_400, "y": quorum.SecondsPerYear}

const durationGrammar = "a duration such as 500ms, 10s, 2m, 1d or 1.5y"

// parseSpan reads a duration in seconds, for every flag that takes one: what time.ParseDuration reads,
// with days, weeks and years in front. None of them has a meaning for a time below zero.
func parseSpan(flag, text string) (float64, error) {
	total, rest := 0.0, text
	for m := longTerm.FindStringSubmatch(rest); m != nil; m = longTerm.FindStringSubmatch(rest) {
		x, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return 0, usagef("--%s %q is longer than can be counted", flag, text)
		}
		total, rest = total+x*longUnits[m[2]], rest[len(m[0]):]
	}
	if rest == "" && text != "" {
		return total, nil
	}
	switch d, err := time.ParseDuration(rest); {
	case err != nil:
		return 0, usagef("--%s wants %s, got %q", flag, durationGrammar, text)
	case d < 0 || strings.HasPrefix(rest, "-"):
		return 0, usagef("--%s wants %s, zero or more, got %q", flag, durationGrammar, text)
	default:
		return total + d.Seconds(), nil
	}
}

// parseDuration is parseSpan for times that a clock can add: up to some 292 years.
func parseDuration(flag, text string) (time.Duration, error) {
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return d, nil // exact
	}
	seconds, err := parseSpan(flag, text)
	if err != nil {
		return 0, err
	}
	if seconds >= math.MaxInt64/float64(time.Second) {
		return 0, usagef("--%s %q is longer than a clock can count: up to 290y", flag, text)
	}
	return time.Duration(math.Round(seconds * float64(time.Second))), nil
}

// humanSeconds writes a time in the unit that people would use.
func humanSeconds(s float64) string {
	const day = 86_400
	switch {
	case math.IsInf(s, 1):
		return "more than 1e308 s"
	case s == 0:
		return "0 s"
	case s < 1e-3:
		return significant(s) + " s"
	case s < 1:
		return significant(s*1000) + " ms"
	case s < 120:
		return significant(s) + " s"
	case s < 2*3600:
		return significant(s/60) + " min"
	case s < 2*day:
		return significant(s/3600) + " h"
	case s < 2*quorum.SecondsPerYear:
		return significant(s/day) + " days"
	}
	return significant(s/quorum.SecondsPerYear) + " years"
}

// significant writes three significant digits, large numbers in full up to a
// million.
func significant(x float64) string {
	switch {
	case x == 0:
		return "0"
	case x >= 1e6 || x < 1e-2:
		return strconv.FormatFloat(x, 'e', 2, 64)
	case x >= 100:
		return thousands(int64(math.Round(x)))
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

// thousands writes 16800783 as 16,800,783.
func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// percent writes an availability with two digits more than it has nines,
// and one too close to 100 % as what is missing.
func percent(a quorum.Availability) string {
	nines := a.Nines()
	switch {
	case math.IsInf(nines, 1):
		return "100 %"
	case nines > 12:
		return "1 - " + scientific(a)
	}
	return strconv.FormatFloat(100*a.Up(), 'f', int(math.Floor(nines))+2, 64) + " %"
}

// scientific writes an unavailability with four digits, also below 1e-308.
func scientific(a quorum.Availability) string {
	if u := a.Down(); u == 0 && !math.IsInf(a.LogDown(), -1) || u > 0 && u < 1e-300 {
		return powerOfTen(a.LogDown() / math.Ln10)
	}
	return strconv.FormatFloat(a.Down(), 'e', 3, 64)
}

// powerOfTen writes 10^x, however small.
func powerOfTen(x float64) string {
	exponent := math.Floor(x)
	return fmt.Sprintf("%.3fe%d", math.Pow(10, x-exponent), int(exponent))
}

// niceNumber writes a number without an exponent where that is short.
func niceNumber(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// digits rounds a computed number to 13 significant digits: what comes after them is
// noise, and makes 0.000298 read as 0.000297999999999999.
func digits(x float64) float64 {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 13, 64), 64)
	if err != nil { // it was not a number to begin with
		return x
	}
	return rounded
}

// finite is x for JSON, which has no infinity.
func finite(x float64) *float64 {
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return nil
	}
	return &x
}
