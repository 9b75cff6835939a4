package localcluster

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"

	engine "zkctl/localcluster/member"
)

// tryConfig has the embedded engine read the configuration that a member of it would get, so that a value that
// would end every member at its start is refused before anything is done. The configuration of
// members that run in Java is not tried.
func (s *Spec) tryConfig() error {
	for i, m := range s.Members {
		if m.Engine == Embedded {
			return s.tryMember(i)
		}
	}
	return nil
}

func (s *Spec) tryMember(i int) error {
	tried := *s
	tried.Members = append([]MemberSpec(nil), s.Members...)
	if tried.Members[i].ClientPort == 0 {
		tried.assignPorts(lowestPort) // none are chosen yet, and any will do
	}
	dir, err := os.MkdirTemp("", "zkctl-*")
	if err != nil {
		return nil // the member itself will report the error
	}
	defer os.RemoveAll(dir)
	m := tried.Members[i]
	folder := MemberFolder(dir)
	err = os.Mkdir(folder.DataDir(), 0o700)
	if err == nil {
		err = os.WriteFile(filepath.Join(folder.DataDir(), "myid"), []byte(strconv.FormatInt(m.ID, 10)), 0o600)
	}
	if err == nil {
		err = os.WriteFile(folder.ConfigFile(), []byte(tried.configText(m, folder)), 0o600)
	}
	if err != nil {
		return nil // as above
	}
	_, err = engine.LoadConfig(folder.ConfigFile())
	var wrong *engine.ConfigError
	if errors.As(err, &wrong) {
		return fail(CodeUsage, wrong.Hint, "the settings: %s", wrong.Text)
	}
	return err
}
