// SPDX-License-Identifier: Apache-2.0
//
// The memory that an entry point has in use while it runs, as text (a row for a few kernel calls)
// and as a picture (areas by category, over all kernel calls). The horizontal axis counts the calls
// of the program's text, so a loop's body is seen once.

import Scheduling
import TensorIR

/// The course of memory over one call of an entry point.
package struct PlanTimeline {
  private let plan: EntryPointPlan

  package init(_ plan: EntryPointPlan) {
    self.plan = plan
  }

  private var totals: [Int] { plan.timeline.map { $0.reduce(0, +) } }

  // MARK: Text

  private static let rowLimit = 24
  private static let barWidth = 40

  /// Rows of neighbouring calls with the most memory in use among them, then the peak and the
  /// largest arrays there.
  package var text: String {
    let totals = totals
    guard let most = totals.max(), most > 0 else { return "\(plan.name) needs no memory" }
    let size = max(1, (totals.count + Self.rowLimit - 1) / Self.rowLimit)
    let bar = { (bytes: Int) in String(repeating: "#", count: bytes * Self.barWidth / most) }
    var rows = [["call", "in use", bar(most).replacing("#", with: " "), "inside of"]]
    for first in stride(from: 0, to: totals.count, by: size) {
      let calls = first..<min(first + size, totals.count)
      let highest = calls.max { totals[$0] < totals[$1] } ?? first
      rows.append([
        "\(first + 1)", byteCount(totals[highest]), bar(totals[highest]),
        plan.moments[highest].loops.map(\.description).joined(separator: " > "),
      ])
    }
    let title = "memory of \(plan.name), kernel call by kernel call (the body of a loop once)"
    return ([title, TextTable(rows, textColumns: [2, 3]).text] + peakLines).joined(separator: "\n")
  }

  private var peakLines: [String] {
    let place = plan.moments[plan.peak].provenance.description
    let head =
      "most at call \(plan.peak + 1)\(place.isEmpty ? "" : ", \(place)"); the largest arrays there:"
    let rows = plan.largestArrays.map { array in
      [byteCount(array.byteCount), array.category.title, array.type, array.origin]
    }
    return [head, TextTable(rows, textColumns: [1, 2, 3]).text]
  }

  // MARK: Picture

  private static let colors = ["#1f5fa8", "#7fb3e6", "#e8a33d", "#b9b9b9"]

  /// The areas of the categories, stacked, with the arena's size as a line.
  package var svg: String {
    var canvas = SVGCanvas(width: 860, height: 420)
    canvas.text(
      "\(plan.name): memory in use, \(byteCount(plan.totalBytes(workers: 1))) of arena",
      x: 430, y: 24, size: 15, anchor: .middle)
    let frame = SVGCanvas.Frame(left: 80, top: 66, width: 760, height: 300)
    let unit = ByteUnit(for: plan.totalBytes(workers: 1))
    let horizontal = PlotAxis(low: 0, high: Double(max(plan.timeline.count, 1)))
    let top = Double(plan.totalBytes(workers: 1)) / unit.bytes
    let vertical = PlotAxis(low: 0, high: max(top, 1e-9) * 1.05)
    canvas.axes(
      horizontal: horizontal, vertical: vertical, in: frame, xLabel: "kernel call",
      yLabel: unit.name)
    func place(_ call: Int, _ bytes: Int) -> SVGCanvas.Point {
      frame.point(
        horizontal.position(Double(call)), vertical.position(Double(bytes) / unit.bytes))
    }
    var below = [Int](repeating: 0, count: plan.timeline.count)
    for category in MemoryCategory.allCases {
      let above = zip(below, plan.timeline).map { $0 + $1[category.rawValue] }
      canvas.area(
        steps(above, place) + steps(below, place).reversed(), fill: Self.colors[category.rawValue])
      below = above
    }
    let arena = plan.totalBytes(workers: 1)
    canvas.line([place(0, arena), place(plan.timeline.count, arena)], stroke: "#333")
    canvas.legend(
      zip(MemoryCategory.allCases.map(\.title), Self.colors).map { ($0, $1) }, x: 80, y: 48)
    return canvas.svg
  }

  /// A staircase: each call's memory holds from its left edge to its right.
  private func steps(
    _ bytes: [Int], _ place: (Int, Int) -> SVGCanvas.Point
  ) -> [SVGCanvas.Point] {
    bytes.enumerated().flatMap { [place($0, $1), place($0 + 1, $1)] }
  }
}
