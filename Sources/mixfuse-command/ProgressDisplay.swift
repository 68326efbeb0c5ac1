// SPDX-License-Identifier: Apache-2.0
//
// Progress for a person or for a file: on a terminal one line that is written over again and again,
// elsewhere a plain line for every tenth of the run and at least every half minute.

import Foundation
import MixFuse
import MixFuseRuntime

/// Shows the progress of a training run on standard output.
struct ProgressDisplay {
  private let isTerminal = isatty(STDOUT_FILENO) == 1
  private let watch = Stopwatch()
  private var shownAt = -Double.infinity
  private var tenth = -1
  private var isLineOpen = false

  /// Shows a step, if it is time to.
  ///
  /// - Throws: what `printOutput` throws.
  mutating func show(_ progress: TrainingProgress) throws {
    let now = watch.seconds
    let isLast = progress.step == progress.totalSteps
    if isTerminal {
      guard isLast || now - shownAt > 0.1 else { return }
      // Back to the first column; what the last line leaves over is erased.
      try write("\r\(progress.line)\u{1b}[K")
      isLineOpen = true
    } else {
      let nextTenth = progress.step * 10 / progress.totalSteps
      guard isLast || nextTenth != tenth || now - shownAt > 30 else { return }
      tenth = nextTenth
      try write(progress.line + "\n")
    }
    shownAt = now
  }

  /// Ends the line that is being written over, if there is one.
  mutating func finish() throws {
    guard isLineOpen else { return }
    isLineOpen = false
    try write("\n")
  }

  private func write(_ text: String) throws { try printOutput(text, terminator: "") }
}
