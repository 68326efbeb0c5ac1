// SPDX-License-Identifier: Apache-2.0
//
// What training leaves for people: the log, the axes of its curve, the line of progress.

import Foundation
import Testing

@testable import MixFuse

@Suite("training reports")
struct TrainingReportTests {
  @Test("a log is read back as it was written, up to a step")
  func logRoundTrip() throws {
    var log = TrainingLog(scalarNames: ["lr"])
    for step in 1...5 {
      let loss = Double(Float(1) / Float(step))
      log.append(
        TrainingRow(step: step, loss: loss, seconds: Double(step) / 8, scalars: [0.1]))
    }
    #expect(
      log.csv.hasPrefix("step,loss,seconds,lr\n1,1.0,0.125,0.1\n2,0.5,0.25,0.1\n3,0.33333334,"))
    try Repository.withTemporaryFolder { folder in
      let path = folder.appending(path: "log.csv").path
      try Data(log.csv.utf8).write(to: URL(filePath: path))
      var whole = TrainingLog(scalarNames: ["lr"])
      whole.readRows(upTo: 5, from: path)
      #expect(whole.csv == log.csv)
      var part = TrainingLog(scalarNames: ["lr"])
      part.readRows(upTo: 3, from: path)
      #expect(part.rows.map(\.step) == [1, 2, 3])
      var other = TrainingLog(scalarNames: ["rate"])
      other.readRows(upTo: 5, from: path)
      #expect(other.rows.isEmpty)
    }
  }

  @Test("ticks are round numbers inside the axis")
  func ticks() {
    let linear = PlotAxis(from: 0.13, to: 0.94, mayBeLogarithmic: true)
    #expect(!linear.isLogarithmic)
    #expect(linear.ticks == [0.2, 0.4, 0.6, 0.8])
    let wide = PlotAxis(from: 1e-6, to: 2, mayBeLogarithmic: true)
    #expect(wide.isLogarithmic)
    #expect(
      wide.ticks.map { shortNumber($0) } == [
        "1e-06", "1e-05", "0.0001", "0.001", "0.01", "0.1", "1",
      ])
    let short = PlotAxis(from: 0.1, to: 2, mayBeLogarithmic: true)
    #expect(short.ticks.map { shortNumber($0) } == ["0.1", "0.2", "0.5", "1", "2"])
    let flat = PlotAxis(from: 3, to: 3, mayBeLogarithmic: true)
    #expect(flat.low < 3 && flat.high > 3)
    for axis in [linear, wide, short] {
      #expect(axis.position(axis.low) == 0 && axis.position(axis.high) == 1)
    }
  }

  @Test("the progress line has rate, loss, scalars and the time left")
  func progressLine() {
    let progress = TrainingProgress(
      step: 250, totalSteps: 1000, loss: 0.43211, scalars: [("lr", 0.61)], stepsPerSecond: 10)
    #expect(progress.line == "step 250/1000  loss 0.4321  lr 0.61  10 steps/s  1:15 left")
  }

  @Test("quantities are short")
  func quantities() {
    #expect(shortNumber(0.621345) == "0.6213")
    #expect(byteCount(512) == "512 B")
    #expect(byteCount(3 << 19) == "1.5 MiB")
    #expect(timeSpan(8) == "8 s")
    #expect(timeSpan(3609) == "1:00:09")
  }

  @Test("long runs are drawn as a band and a line of few points")
  func longCurve() {
    var log = TrainingLog(scalarNames: [])
    for step in 1...10_000 {
      log.append(
        TrainingRow(step: step, loss: step % 2 == 0 ? 1 : 2, seconds: 0, scalars: []))
    }
    let svg = LearningCurve(title: "a < b", log: log).svg
    #expect(svg.contains("<polygon "))
    #expect(svg.contains("a &lt; b"))
    #expect(svg.utf8.count < 40_000)
  }
}
