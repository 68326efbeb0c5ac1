// SPDX-License-Identifier: Apache-2.0
//
// Standard output and standard error, as all commands use them: nothing is buffered, and a write that
// fails is an error of the command. A command whose output is lost has not done its work.

import Foundation
import MixFuseShared

/// Writes a line, or with an empty terminator any text, to standard output.
///
/// - Throws: `FileFailure`; `ReaderIsGone` if nobody reads it any more.
func printOutput(_ text: String, terminator: String = "\n") throws {
  let code = writeFully(text + terminator, to: STDOUT_FILENO)
  if code == EPIPE { throw ReaderIsGone() }
  if code != 0 { throw outputFailure(code) }
}

/// A text file that a command writes when its work is done. It is begun before: a path that cannot be
/// written is found out before the work, not after.
struct TextFile {
  private let file: AtomicFile

  /// Begins a file, if there is a path.
  init?(_ path: String?) throws {
    guard let path else { return nil }
    file = try AtomicFile(path: path)
  }

  /// Writes the whole text.
  func finish(_ text: String) throws {
    try file.write(Array(text.utf8))
    try file.commit()
  }
}

/// Writes text to standard error as it is. There is nowhere to report a failure to.
func printError(_ text: String) {
  _ = writeFully(text, to: STDERR_FILENO)
}

/// The reader of standard output has seen enough (`| head`): the command ends as the system would
/// have ended it.
struct ReaderIsGone: Error {}

enum StandardStreams {
  /// Makes failures of the streams errors instead of signals, and puts something in place of streams
  /// that are closed: a file opened later would get their numbers, and the output.
  static func prepare() {
    for number in [SIGPIPE, SIGXFSZ] { signal(number, SIG_IGN) }
    for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO]
    where fcntl(descriptor, F_GETFD) < 0 {
      // The lowest free number, open in the wrong direction, so that using it fails.
      _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
    }
  }

  /// Closes standard output: some file systems report a full disk only then.
  static func finish() throws {
    if close(STDOUT_FILENO) != 0 { throw outputFailure(errno) }
  }
}

extension ReaderIsGone {
  /// Ends the process by the signal that `prepare` has kept away.
  static func end() -> Never {
    Unfinished.removeAll {
      signal(SIGPIPE, SIG_DFL)
      kill(getpid(), SIGPIPE)
      Foundation.exit(128 + SIGPIPE)
    }
  }
}

private func outputFailure(_ code: Int32) -> FileFailure {
  FileFailure(path: "standard output", code: code)
}

/// Writes all of a text; returns 0 or the number of the error.
private func writeFully(_ text: String, to descriptor: Int32) -> Int32 {
  var text = text
  return text.withUTF8 { MixFuseShared.writeFully(UnsafeRawBufferPointer($0), to: descriptor) }
}
