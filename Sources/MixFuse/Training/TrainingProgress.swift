// SPDX-License-Identifier: Apache-2.0
//
// How far a training run is, as a line of text. Who shows it, and how often, is the command's part.

/// The state of affairs after a step.
package struct TrainingProgress: Sendable {
  /// Finished steps, and all steps of the run.
  package let step: Int, totalSteps: Int
  /// The outer loss of the step.
  package let loss: Double
  /// The learned scalars after the step.
  package let scalars: [(name: String, value: Double)]
  /// Finished steps per second since the run was started or resumed.
  package let stepsPerSecond: Double

  /// Seconds that the remaining steps will take at this rate.
  package var remainingSeconds: Double { Double(totalSteps - step) / stepsPerSecond }

  /// `step 120/1000  loss 0.4321  lr 0.61  85.3 steps/s  0:11 left`
  package var line: String {
    let values = scalars.map { "\($0.name) \(shortNumber($0.value))  " }.joined()
    let end = step == totalSteps ? "" : "  \(timeSpan(remainingSeconds)) left"
    return "step \(step)/\(totalSteps)  loss \(shortNumber(loss))  \(values)"
      + "\(shortNumber(stepsPerSecond)) steps/s\(end)"
  }
}
