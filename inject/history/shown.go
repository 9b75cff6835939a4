package history

import (
	"fmt"
	"slices"
	"strings"

	"zkctl/probe/wire"
)

// shownAnswer is the body of an answer as a finding quotes it.
func shownAnswer(code wire.OpCode, body []byte) string {
	record, known := wire.NewResponse(code)
	switch {
	case len(body) == 0:
		return "nothing"
	case !known || record == nil || wire.Unmarshal(body, record) != nil:
		return fmt.Sprintf("%x", body)
	}
	return shownRecord(record)
}

func shownRecord(record wire.Record) string {
	switch r := record.(type) {
	case *wire.PathResponse:
		return r.Path
	case *wire.Create2Response:
		return r.Path + " " + shownStat(r.Stat)
	case *wire.StatResponse:
		return shownStat(r.Stat)
	case *wire.DataResponse:
		return fmt.Sprintf("%q %s", r.Data, shownStat(r.Stat))
	case *wire.ChildrenResponse:
		return shownNames(r.Children)
	case *wire.Children2Response:
		return shownNames(r.Children) + " " + shownStat(r.Stat)
	case *wire.CountResponse:
		return fmt.Sprint(r.Count)
	case *wire.MultiResponse:
		var all []string
		for _, result := range r.Results {
			switch {
			case result.Op == wire.OpError:
				all = append(all, result.Err.Error())
			case result.Response == nil:
				all = append(all, result.Op.String())
			default:
				all = append(all, result.Op.String()+" "+shownRecord(result.Response))
			}
		}
		return "(" + strings.Join(all, "; ") + ")"
	}
	return fmt.Sprintf("%+v", record)
}

func shownNames(names []string) string {
	names = slices.Clone(names)
	slices.Sort(names)
	return "[" + strings.Join(names, " ") + "]"
}

// shownStat has what is not zero.
func shownStat(s wire.Stat) string {
	text := fmt.Sprintf("{czxid %v, mzxid %v, pzxid %v, version %d, cversion %d", s.Czxid, s.Mzxid, s.Pzxid, s.Version, s.Cversion)
	if s.Aversion != 0 {
		text += fmt.Sprintf(", aversion %d", s.Aversion)
	}
	if s.EphemeralOwner != 0 {
		text += fmt.Sprintf(", owner %x", uint64(s.EphemeralOwner))
	}
	return text + fmt.Sprintf(", ctime %d, mtime %d, %d bytes, %d children}", s.Ctime, s.Mtime, s.DataLength, s.NumChildren)
}

func shown(data []byte, stat wire.Stat, found bool) string {
	if !found {
		return "missing"
	}
	return fmt.Sprintf("%q %s", data, shownStat(stat))
}

// ofZxid says of which transaction an event is, where its server tells.
func ofZxid(z wire.Zxid) string {
	if z <= 0 {
		return ""
	}
	return fmt.Sprintf(" of %v", z)
}

func (c change) shown(found bool) string {
	if !found {
		return "nothing has changed"
	}
	return fmt.Sprintf("the first change is %v at %v", c.kind, c.zxid)
}
