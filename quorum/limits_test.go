package quorum

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseProbability(t *testing.T) {
	for text, want := range map[string][2]float64{
		"0.99": {0.99, 0.01}, "99%": {0.99, 0.01}, "99.99%": {0.9999, 0.0001}, "1": {1, 0}, "0": {0, 1}, "100%": {1, 0},
		"0.999999999": {0.999999999, 1e-9}, "0.99999999999999999999": {1, 1e-20}, "1e-3": {1e-3, 0.999}, "0x1p-1": {0.5, 0.5},
		"1e-400": {0, 1}, "1e-310": {1e-310, 1},
	} {
		p, err := ParseProbability(text)
		if err != nil || p.Up() != want[0] || p.Down() != want[1] {
			t.Errorf("%s: up %v down %v (%v), want %v", text, p.Up(), p.Down(), err, want)
		}
	}
	for _, text := range []string{"", "x", "-0.1", "1.1", "101%", "NaN", "Inf", "1e999999999", "%", "0.9 "} {
		if _, err := ParseProbability(text); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), `"`+text+`"`) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// exactMajorityDown is the binomial tail as a rational.
func exactMajorityDown(n int, down *big.Rat) *big.Rat {
	up := new(big.Rat).Sub(big.NewRat(1, 1), down)
	sum := new(big.Rat)
	power := func(x *big.Rat, k int) *big.Rat {
		e := big.NewInt(int64(k))
		return new(big.Rat).SetFrac(new(big.Int).Exp(x.Num(), e, nil), new(big.Int).Exp(x.Denom(), e, nil))
	}
	for k := n - n/2; k <= n; k++ {
		term := new(big.Rat).SetInt(binomial(n, k))
		term.Mul(term, power(down, k))
		sum.Add(sum, term.Mul(term, power(up, n-k)))
	}
	return sum
}

// TestTailsBeyondFloatingPoint holds Nines to exact rationals where the
// unavailability itself is far below the smallest floating-point number.
func TestTailsBeyondFloatingPoint(t *testing.T) {
	for _, c := range []struct {
		n, inverse int64
		p, mirror  string
	}{{101, 100, "0.99", "0.01"}, {255, 10_000, "0.9999", "0.0001"}} {
		exact := exactMajorityDown(int(c.n), big.NewRat(1, c.inverse))
		mantissa := new(big.Float)
		exponent := new(big.Float).SetPrec(100).SetRat(exact).MantExp(mantissa)
		m, _ := mantissa.Float64()
		nines := -(math.Log10(m) + float64(exponent)*math.Log10(2))
		system, _ := MajorityOf(int(c.n))
		a, err := Available(system, Uniform(prob(t, c.p)))
		if err != nil || !near(a.Nines(), nines, 1e-13) {
			t.Errorf("n=%d: %v nines (%v), want %v", c.n, a.Nines(), err, nines)
		}
		// And the other side: servers that are hardly ever up.
		a, err = Available(system, Uniform(prob(t, c.mirror)))
		if err != nil || !near(-a.chance.up/math.Ln10, nines, 1e-13) || a.Down() != 1 {
			t.Errorf("n=%d: up %v (%v)", c.n, a.chance.up/math.Ln10, err)
		}
	}
}

// TestWideSystems asks what 255 voters can be asked, and compares two ways to the answer.
func TestWideSystems(t *testing.T) {
	ids := oneTo(MaxVoters)
	weights, doubled := map[int64]int64{}, map[int64]int64{}
	for _, id := range ids {
		weights[id], doubled[id] = id, 2
	}
	heavy, err := NewHierarchical(ids, []Group{{1, ids}}, weights)
	if err != nil {
		t.Fatal(err)
	}
	three, err := NewHierarchical(ids, []Group{{1, ids[:85]}, {2, ids[85:170]}, {3, ids[170:]}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	equal, err := NewHierarchical(ids, []Group{{1, ids}}, doubled)
	if err != nil {
		t.Fatal(err)
	}
	m, _ := MajorityOf(MaxVoters)
	less, _ := MajorityOf(MaxVoters - 1)
	for name, s := range map[string]*System{"majority": m, "weights 1-255": heavy, "three groups": three, "twos": equal, "reconfiguration": NewJoint(less, m)} {
		tol, err := Tolerance(s)
		a, failed := Available(s, Uniform(prob(t, "0.9")))
		if err != nil || failed != nil || tol.Guaranteed < 60 || tol.Quorum+tol.Guaranteed > MaxVoters || a.Nines() < 25 {
			t.Errorf("%s: %+v, %v nines (%v, %v)", name, tol, a.Nines(), err, failed)
		}
		if ws := Lint(s); len(ws) > 0 {
			t.Errorf("%s: %v", name, ws)
		}
	}
	a, _ := Available(m, Uniform(prob(t, "0.9")))
	if b, err := Available(equal, Uniform(prob(t, "0.9"))); err != nil || !near(a.Nines(), b.Nines(), 1e-13) {
		t.Errorf("weights of two: %v nines, of one: %v (%v)", b.Nines(), a.Nines(), err)
	}
	e, err := enumerate(m)
	if err != nil {
		t.Fatal(err)
	}
	if got := e.available(func(int64) chance { return prob(t, "0.9").chance() }); !near(got.down, a.chance.down, 1e-12) {
		t.Errorf("enumerated %v, added up %v", got.down, a.chance.down)
	}
	if shape, err := ShapeOf(m); err != nil || shape.MinimalQuorums.Cmp(binomial(255, 128)) != 0 || shape.Dummies != nil {
		t.Errorf("%v minimal quorums (%v)", shape.MinimalQuorums, err)
	}
	want, step := 0.0, 0.0 // a birth-death chain of how many have failed: T_j = (1 + μ_j·T_j-1) / λ_j
	for j := range 128 {
		step = (1 + float64(j)/5*step) / (float64(255-j) / 10)
		want += step
	}
	if first, err := MeanTimeToLoss(m, 10, 5); err != nil || !near(first, want, 1e-12) {
		t.Errorf("255 lose their quorum after %v (%v), want %v", first, err, want)
	}
	if p, err := PlanChange(upTo(1), upTo(MaxVoters)); err != nil || len(p.Steps) != 254 || p.Refused != nil {
		t.Errorf("1 to 255: %d steps, %+v (%v)", len(p.Steps), p.Refused, err)
	}
}

func TestTooLargeIsSaid(t *testing.T) {
	var ids []int64
	weights := map[int64]int64{}
	x := int64(1)
	for id := int64(1); id <= 40; id++ {
		ids = append(ids, id)
		x = x * 6364136223846793005 >> 7 & (1<<56 - 1) // weights with nothing in common
		weights[id] = x + 1<<56
	}
	spread, err := NewHierarchical(ids, []Group{{1, ids}}, weights)
	if err != nil {
		t.Fatal(err)
	}
	m, _ := MajorityOf(40)
	joint := NewJoint(spread, m)
	half := Uniform(prob(t, "0.9"))
	for name, err := range map[string]error{
		"availability":  second(Available(spread, half)),
		"shape":         second(ShapeOf(spread)),
		"joint":         second(Available(joint, half)),
		"joint quorums": second(Tolerance(joint)),
		"repair":        second(Repairable(spread, 10, 1)),
		"first loss":    second(MeanTimeToLoss(spread, 10, 1)),
		"zones":         second(Zones(m, make([]Zone, 17))),
	} {
		if !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "most") && !strings.Contains(err.Error(), "more than") {
			t.Errorf("%s: %v, want ErrTooLarge and the limit", name, err)
		}
	}
	// What takes no enumeration is answered nevertheless.
	if tol, err := Tolerance(spread); err != nil || tol.Quorum < 15 || GuaranteedTolerance(joint) != min(tol.Guaranteed, 19) {
		t.Errorf("tolerance of spread weights: %+v (%v), of the joint system: %d", tol, err, GuaranteedTolerance(joint))
	}
}

func second[T any](_ T, err error) error { return err }

func TestSmallestForLimits(t *testing.T) {
	for _, c := range []struct {
		p, target string
		n         int
		err       error
	}{
		{"0.4", "0.9", 0, ErrUnreachable}, {"0.5", "0.6", 0, ErrUnreachable}, {"0.4", "0.3", 1, nil},
		{"0.99", "1", 0, ErrUnreachable}, {"1", "1", 1, nil}, {"0", "0.5", 0, ErrUnreachable},
		{"0.51", "0.99", 0, ErrUnreachable}, {"0.6", "0.99", 133, nil}, {"0.6", "0.9995", 0, ErrUnreachable},
	} {
		n, _, err := SmallestFor(prob(t, c.p), prob(t, c.target))
		if n != c.n || !errors.Is(err, c.err) {
			t.Errorf("p=%s target=%s: %d, %v; want %d, %v", c.p, c.target, n, err, c.n, c.err)
		}
		if n > 1 { // two servers less must not do
			m, _ := MajorityOf(n - 2)
			less, err := Available(m, Uniform(prob(t, c.p)))
			if err != nil || less.LogDown() <= prob(t, c.target).chance().down {
				t.Errorf("p=%s target=%s: %d would do", c.p, c.target, n-2)
			}
		}
	}
}

func TestLint(t *testing.T) {
	hier := func(voters []int64, groups []Group, weights map[int64]int64) *System {
		s, err := NewHierarchical(voters, groups, weights)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	maj := func(n int) *System { m, _ := MajorityOf(n); return m }
	nine := []int64{1, 2, 3, 4, 5, 6, 7, 8, 9}
	threes := []Group{{1, nine[:3]}, {2, nine[3:6]}, {3, nine[6:]}}
	for _, c := range []struct {
		name string
		s    *System
		want []Code
	}{
		{"1", maj(1), []Code{NoTolerance, SinglePoint}},
		{"2", maj(2), []Code{NoTolerance, SinglePoint, EvenEnsemble}},
		{"3", maj(3), nil},
		{"4", maj(4), []Code{EvenEnsemble}},
		{"3x3", hier(nine, threes, nil), nil},
		{"a zeroed group", hier(nine, threes, map[int64]int64{7: 0, 8: 0, 9: 0}), []Code{ZeroWeight, TwoGroups}},
		{"all zero", hier(nine[:2], []Group{{1, nine[:2]}}, map[int64]int64{1: 0, 2: 0}), []Code{UnreachableQuorum, ZeroWeight}},
		{"one zero", hier(nine[:4], []Group{{1, nine[:4]}}, map[int64]int64{4: 0}), []Code{ZeroWeight}},
		{"non-voter", hier(nine[:3], []Group{{1, nine[:4]}}, map[int64]int64{4: 1}), []Code{ObserverInGroup, NoTolerance, SinglePoint}},
		{"non-voter of 3", hier(nine[:3], []Group{{1, nine[:4]}}, map[int64]int64{4: 3}), []Code{UnreachableQuorum, ObserverInGroup}},
		{"unused", hier(nine[:3], []Group{{1, nine[:3]}}, map[int64]int64{9: 3}), []Code{UnusedWeight}},
		{"3-1-1-1", hier(nine[:4], []Group{{1, nine[:4]}}, map[int64]int64{1: 3}), []Code{NoTolerance, SinglePoint}},
	} {
		var codes []Code
		for _, w := range Lint(c.s) {
			codes = append(codes, w.Code)
			if !strings.HasSuffix(w.Text, ".") || w.Text[0] >= 'a' && w.Text[0] <= 'z' {
				t.Errorf("%s: not a sentence: %s", c.name, w.Text)
			}
		}
		if !slices.Equal(codes, c.want) {
			t.Errorf("%s: %v, want %v", c.name, codes, c.want)
		}
	}
	zones := []Zone{{Name: "a", Members: []int64{1, 2, 3}}, {Name: "b", Members: []int64{4, 5}}}
	r, err := Zones(maj(5), zones)
	if err != nil {
		t.Fatal(err)
	}
	if ws := LintZones(zones, r); len(ws) != 1 || ws[0].Code != ZoneFatal || !strings.Contains(ws[0].Text, "zone a ") {
		t.Errorf("zones: %v", ws)
	}
}

func TestZoneErrors(t *testing.T) {
	m, _ := MajorityOf(3)
	for _, zones := range [][]Zone{
		nil,
		{{Name: "a", Members: []int64{1}}, {Name: "a", Members: []int64{2}}},
		{{Name: "a", Members: []int64{1, 1}}},
	} {
		if _, err := Zones(m, zones); !errors.Is(err, ErrInvalid) {
			t.Errorf("%v: %v", zones, err)
		}
	}
	if left := Without(m, 1, 7); !slices.Equal(left.Voters(), []int64{2, 3}) || !left.Has(2, 3) || left.Has(2) {
		t.Errorf("without server 1 and an unknown one: %v", left.Voters())
	}
	if _, err := Available(m, func(int64) Probability { return Probability{} }); !errors.Is(err, ErrInvalid) {
		t.Errorf("without probabilities: %v", err)
	}
}

func TestRecoveryBudget(t *testing.T) {
	sample := Timing{Tick: 2 * time.Second, InitLimit: 10, SyncLimit: 5}
	b, err := RecoveryBudget(sample, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	// The sample configuration notices a hung leader 9 to 10 s after the hang.
	if want := (Span{9 * time.Second, 10 * time.Second}); b.Hang.Detect != want || b.Partition.Detect != want {
		t.Errorf("hang noticed in %v, want %v", b.Hang.Detect, want)
	}
	if b.Crash.Detect.Most != 0 || b.Crash.Elect.Least != 200*time.Millisecond {
		t.Errorf("crash: %+v", b.Crash)
	}
	if want := (Span{9200 * time.Millisecond, 30400 * time.Millisecond}); b.Hang.Total != want {
		t.Errorf("hang in total %v, want %v", b.Hang.Total, want)
	}
	if b.Partition.StepDown.Most != 12*time.Second {
		t.Errorf("step down after %v", b.Partition.StepDown)
	}
	if b.Session != 10*time.Second || b.ClientNotices != 10*time.Second*2/3 {
		t.Errorf("session %v noticed %v", b.Session, b.ClientNotices)
	}
	for session, want := range map[time.Duration]time.Duration{time.Second: 4 * time.Second, time.Minute: 40 * time.Second, 0: 40 * time.Second} {
		if b, err := RecoveryBudget(sample, session); err != nil || b.Session != want {
			t.Errorf("session of %v is granted %v (%v), want %v", session, b.Session, err, want)
		}
	}
	for _, bad := range []Timing{
		{Tick: 0, InitLimit: 1, SyncLimit: 1}, {Tick: 1, SyncLimit: 1}, {Tick: 1, InitLimit: 1},
		{Tick: 1, InitLimit: 1, SyncLimit: 1, MinSession: 3, MaxSession: 2},
	} {
		if _, err := RecoveryBudget(bad, 0); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := RecoveryBudget(sample, -1); !errors.Is(err, ErrInvalid) {
		t.Errorf("negative session: %v", err)
	}
}

// Peleg and Wool (1995): with equal, better than even servers no quorum system
// in which any two quorums meet beats the majority.
func TestMajorityIsBestForEqualServers(t *testing.T) {
	forRandomSystems(t, 300, func(t *testing.T, b brute, _ *rand.Rand) {
		meet := true
		b.states(func(set int, quorum bool) { meet = meet && !(quorum && b.has(b.all()&^set)) })
		if !meet || len(b.ids)%2 == 0 {
			return
		}
		m, err := NewMajority(b.ids...)
		if err != nil {
			return // no voters are left
		}
		for _, text := range []string{"0.6", "0.9", "0.999"} {
			best, err := Available(m, Uniform(prob(t, text)))
			if err != nil {
				t.Fatal(err)
			}
			if a, err := Available(b.system, Uniform(prob(t, text))); err != nil || a.Down() < best.Down()*(1-1e-12) {
				t.Errorf("p=%s: %v beats the majority's %v (%v)", text, a.Down(), best.Down(), err)
			}
		}
	})
}
