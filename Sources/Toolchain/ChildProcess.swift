// SPDX-License-Identifier: Apache-2.0
//
// Runs one program to its end with files in memory as its standard streams (see MemoryFile.swift).
// Foundation's Process would do, but its first use in a process costs 200 ms, more than clang
// itself, and it passes on this process's whole environment, on which the output would depend.

import Glibc
import MixFuseShared

/// What a finished program left.
struct ChildResult {
  /// Exit status, or 128 + the signal that ended the program, as shells count.
  let status: Int32
  /// Everything written to standard output.
  let output: [UInt8]
  /// Everything written to standard error.
  let messages: String
}

/// Runs `program` and waits for it.
///
/// The child sees only the variables that programs need to start (`PATH`, `LD_LIBRARY_PATH`,
/// `HOME`, `TMPDIR`) and `LC_ALL=C`, so neither `CPATH` nor a language setting changes what it does.
///
/// - Parameters:
///   - program: path of the executable.
///   - arguments: arguments after the program's own name.
///   - input: what the program reads from standard input.
///   - inherited: files the program may open by their `path`.
/// - Returns: what it wrote and how it ended.
/// - Throws: `toolchain.program-unusable` if it cannot be started; a non-zero exit is no error here.
func runChild(
  _ program: String, _ arguments: [String], input: MemoryFile? = nil, inherited: [MemoryFile] = []
) throws(ToolchainError) -> ChildResult {
  let emptyInput = try MemoryFile()
  let output = try MemoryFile()
  let messages = try MemoryFile()

  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  for (number, file) in [input ?? emptyInput, output, messages].enumerated() {
    posix_spawn_file_actions_adddup2(&actions, file.descriptor, Int32(number))
  }
  // Duplicating a descriptor onto itself is how it is marked as inherited.
  for file in inherited {
    posix_spawn_file_actions_adddup2(&actions, file.descriptor, file.descriptor)
  }

  // Signals that this process waits for or ignores do to the child what they usually do.
  var attributes = posix_spawnattr_t()
  posix_spawnattr_init(&attributes)
  defer { posix_spawnattr_destroy(&attributes) }
  var (none, usual) = (sigset_t(), sigset_t())
  sigemptyset(&none)
  sigemptyset(&usual)
  for signal in [SIGPIPE, SIGXFSZ] { sigaddset(&usual, signal) }
  posix_spawnattr_setsigmask(&attributes, &none)
  posix_spawnattr_setsigdefault(&attributes, &usual)
  posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

  var process = pid_t()
  let code = withCStrings([program] + arguments) { argumentPointers in
    withCStrings(childEnvironment()) { environmentPointers in
      posix_spawn(
        &process, program, &actions, &attributes, argumentPointers, environmentPointers)
    }
  }
  guard code == 0 else {
    throw .programUnusable(path: program, reason: systemMessage(code))
  }
  var status: Int32 = 0
  while waitpid(process, &status, 0) < 0 {
    guard errno == EINTR else {
      throw .programUnusable(path: program, reason: systemMessage(errno))
    }
  }
  return ChildResult(
    status: exitStatus(status), output: output.bytes(), messages: messages.text())
}

/// The status a shell would report for a wait status: C's macros do not reach Swift.
private func exitStatus(_ waitStatus: Int32) -> Int32 {
  let signal = waitStatus & 0x7f
  return signal == 0 ? (waitStatus >> 8) & 0xff : 128 + signal
}

private func childEnvironment() -> [String] {
  let kept = ["HOME", "LD_LIBRARY_PATH", "PATH", "TMPDIR"]
  return ["LC_ALL=C"]
    + kept.compactMap { name in environmentVariable(name).map { "\(name)=\($0)" } }
}

/// The value of an environment variable of this process, `nil` if unset or empty.
func environmentVariable(_ name: String) -> String? {
  guard let value = getenv(name), value.pointee != 0 else { return nil }
  return String(cString: value)
}
