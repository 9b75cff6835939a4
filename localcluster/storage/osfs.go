package storage

import (
	"io/fs"
	"os"
	"runtime"
	"sort"
)

// OS returns the file system of this machine. Folders are made with mode 0700 and files with 0600: a tree often
// holds secrets, and its ACLs do not protect the files.
func OS() FS { return osFS{} }

type osFS struct{}

func (osFS) Open(path string, mode Mode) (File, error) {
	flags := map[Mode]int{
		ReadOnly:  os.O_RDONLY,
		Modify:    os.O_RDWR,
		CreateNew: os.O_RDWR | os.O_CREATE | os.O_EXCL,
	}
	flag, ok := flags[mode]
	if !ok {
		return nil, &fs.PathError{Op: mode.String(), Path: path, Err: fs.ErrInvalid}
	}
	f, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) Rename(from, to string) error { return os.Rename(from, to) }
func (osFS) Remove(path string) error     { return os.Remove(path) }
func (osFS) Mkdir(path string) error      { return os.Mkdir(path, 0o700) }

func (osFS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	sort.Strings(names)
	return names, nil
}

func (osFS) SyncDir(dir string) error {
	// Windows neither can nor needs to sync a folder: NTFS journals its names.
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		d.Close()
		return err
	}
	return d.Close()
}

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
