// SPDX-License-Identifier: Apache-2.0
//
// Measuring how long things take, by a clock that never jumps.

/// Measures the time since it was started, by the system's monotonic clock.
public struct Stopwatch: Sendable {
  private let start = ContinuousClock.now

  /// Starts measuring.
  public init() {}

  /// The time since the start, in seconds.
  public var seconds: Double {
    let elapsed = ContinuousClock.now - start
    return Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
  }
}
