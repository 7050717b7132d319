package sluice

import "fmt"

// Level is how much a message matters.
type Level uint8

// The levels of messages: every step; what helps to find a mistake; what happened; what may be wrong; what is wrong.
const (
	LevelTrace Level = iota
	LevelDebug
	LevelInfo
	LevelWarn
	LevelError
)

// Trace logs every step. The host limits the volume of messages.
func Trace(format string, args ...any) { Log(LevelTrace, fmt.Sprintf(format, args...)) }

// Debug logs what helps to find a mistake.
func Debug(format string, args ...any) { Log(LevelDebug, fmt.Sprintf(format, args...)) }

// Info logs what happened.
func Info(format string, args ...any) { Log(LevelInfo, fmt.Sprintf(format, args...)) }

// Warn logs what may be wrong.
func Warn(format string, args ...any) { Log(LevelWarn, fmt.Sprintf(format, args...)) }

// Error logs what is wrong.
func Error(format string, args ...any) { Log(LevelError, fmt.Sprintf(format, args...)) }

// Log writes one message for the person who runs the transform.
func Log(level Level, message string) { writeLog(level, message) }
