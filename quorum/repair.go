package quorum

import (
	"cmp"
	"slices"
)

// Repair is what failing and being repaired does to a quorum in the long run. Times are in the
// unit of the given mttf and mttr.
type Repair struct {
	LossesPerTime float64 // how often a quorum is lost
	MeanOutage    float64 // how long it then stays lost
	Availability  Availability
}

// Repairable computes how often a quorum is lost, and for how long, when every server fails
// after mttf on average and is repaired within mttr on average, both exponentially distributed
// and independently of the others. The servers run on without a quorum, too. For how long a
// quorum lasts from the start, see MeanTimeToLoss.
//
// A quorum is lost when a server fails that makes the difference: Σ_i P(i up)·importance_i/mttf.
// Errors wrap ErrInvalid for times that are not above zero and for a system that has no quorum
// even with all servers up; otherwise as Importance. Source: Birnbaum's failure frequency formula.
func Repairable(s *System, mttf, mttr float64) (Repair, error) {
	p, err := checkRepair(s, mttf, mttr)
	if err != nil {
		return Repair{}, err
	}
	a, err := Available(s, Uniform(p))
	if err != nil {
		return Repair{}, err
	}
	importance, err := Importance(s, Uniform(p))
	if err != nil {
		return Repair{}, err
	}
	losses := 0.0
	for _, difference := range importance {
		losses += p.up * difference / mttf
	}
	return Repair{losses, a.Down() / losses, a}, nil
}

func checkRepair(s *System, mttf, mttr float64) (Probability, error) {
	p, err := FromRepair(mttf, mttr)
	if err == nil && GuaranteedTolerance(s) < 0 {
		err = invalidf("there is no quorum even with all servers up")
	}
	return p, err
}

// maxChain is how many states with a quorum the chain of MeanTimeToLoss has at most: the work
// grows with their third power.
const maxChain = 1 << 10

// MeanTimeToLoss computes how long it takes, on average, from all servers up to the first moment
// without a quorum, in the unit of mttf and mttr; servers fail and are repaired as for
// Repairable. Positive infinity when it exceeds floating point.
//
// The states with a quorum, voters that are alike counted, are a Markov chain. One state after
// the other is eliminated, those with the most failures first, and no term is subtracted
// (Grassmann, Taksar, Heyman 1985). Errors as Repairable, and ErrTooLarge beyond maxChain.
// Source: first passage times; lumping of Markov chains (Kemeny and Snell 1960).
func MeanTimeToLoss(s *System, mttf, mttr float64) (float64, error) {
	if _, err := checkRepair(s, mttf, mttr); err != nil {
		return 0, err
	}
	e, err := enumerate(s)
	if err != nil {
		return 0, err
	}
	type alive struct {
		state int
		up    []int // by class
	}
	var chain []alive
	e.each(func(state int, up []int) {
		if e.quorum[state] && len(chain) <= maxChain {
			chain = append(chain, alive{state, slices.Clone(up)})
		}
	})
	n := len(chain)
	if n > maxChain {
		return 0, tooLarge("%d voters of %s have more than %d states with a quorum, which is how many are solved",
			len(s.voters), Plural(len(e.classes), "kind"), maxChain)
	}
	slices.SortStableFunc(chain, func(a, b alive) int { return cmp.Compare(sum(b.up), sum(a.up)) })
	at := map[int]int{}
	for i, a := range chain {
		at[a.state] = i
	}
	rate := make([][]float64, n) // from state to state; the last one is without a quorum
	time := make([]float64, n)   // m_i = (time_i + Σ_j rate_ij·m_j) / Σ_j rate_ij
	for i, a := range chain {
		rate[i], time[i] = make([]float64, n+1), 1
		for k, class := range e.classes {
			up := a.up[k]
			if up > 0 {
				to, quorum := at[a.state-e.stride[k]]
				if !quorum {
					to = n
				}
				rate[i][to] += float64(up) / mttf
			}
			if down := len(class.ids) - up; down > 0 {
				rate[i][at[a.state+e.stride[k]]] = float64(down) / mttr
			}
		}
	}
	for k := n - 1; k > 0; k-- {
		out := rate[k][n]
		for j := range k {
			out += rate[k][j]
		}
		for i := range k {
			share := rate[i][k] / out
			if share == 0 {
				continue
			}
			time[i] += share * time[k]
			rate[i][n] += share * rate[k][n]
			for j := range k {
				if j != i {
					rate[i][j] += share * rate[k][j]
				}
			}
		}
	}
	return time[0] / rate[0][n], nil
}
