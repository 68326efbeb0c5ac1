// SPDX-License-Identifier: Apache-2.0
//
// The learning curve of a training run as an SVG: the loss over the steps, and below it a panel for
// every logged scalar. A dark line shows the mean of neighbouring steps, a light band from their
// least to their greatest value; up to a few hundred steps the two are one line.

/// Panels of curves over one horizontal axis.
struct LearningCurve {
  let title: String
  let log: TrainingLog

  private static let width = 720.0
  private static let panelHeight = 260.0
  private static let margin = (left: 76.0, right: 20.0, top: 44.0, bottom: 46.0)
  /// Panels beyond this number are left out; the CSV has all columns.
  private static let panelLimit = 5
  /// Points of a curve at most.
  private static let pointLimit = 400

  /// The picture; empty panels if nothing has been logged.
  var svg: String {
    let series = Array(allSeries.prefix(Self.panelLimit))
    let height = Self.margin.top + Double(series.count) * Self.panelHeight
    var canvas = SVGCanvas(width: Self.width, height: height)
    canvas.text(title, x: Self.width / 2, y: 24, size: 15, anchor: .middle)
    let steps = log.rows.map { Double($0.step) }
    let first = (steps.first ?? 1) - 1
    let horizontal = PlotAxis(low: first, high: max(steps.last ?? 1, first + 1))
    for (index, panel) in series.enumerated() {
      let frame = SVGCanvas.Frame(
        left: Self.margin.left, top: Self.margin.top + Double(index) * Self.panelHeight,
        width: Self.width - Self.margin.left - Self.margin.right,
        height: Self.panelHeight - Self.margin.bottom)
      draw(panel, steps: steps, horizontal, in: frame, on: &canvas)
    }
    return canvas.svg
  }

  private var allSeries: [(name: String, values: [Double])] {
    [("loss", log.rows.map(\.loss))]
      + log.scalarNames.enumerated().map { index, name in
        (name, log.rows.map { $0.scalars[index] })
      }
  }

  private func draw(
    _ series: (name: String, values: [Double]), steps: [Double], _ horizontal: PlotAxis,
    in frame: SVGCanvas.Frame, on canvas: inout SVGCanvas
  ) {
    let vertical = PlotAxis(
      from: series.values.min() ?? 0, to: series.values.max() ?? 1, mayBeLogarithmic: true)
    canvas.axes(
      horizontal: horizontal, vertical: vertical, in: frame, xLabel: "outer step",
      yLabel: series.name)
    let buckets = Self.buckets(steps, series.values)
    func place(_ step: Double, _ value: Double) -> SVGCanvas.Point {
      frame.point(horizontal.position(step), vertical.position(value))
    }
    if series.values.count > Self.pointLimit {
      canvas.area(
        buckets.map { place($0.step, $0.high) } + buckets.reversed().map { place($0.step, $0.low) })
    }
    canvas.line(buckets.map { place($0.step, $0.mean) })
  }

  /// Neighbouring steps put together.
  private struct Bucket {
    var step: Double
    var low: Double, mean: Double, high: Double
  }

  private static func buckets(_ steps: [Double], _ values: [Double]) -> [Bucket] {
    let size = max(1, (values.count + pointLimit - 1) / pointLimit)
    return stride(from: 0, to: values.count, by: size).map { start in
      let part = values[start..<min(start + size, values.count)]
      let sum = part.reduce(0, +)
      return Bucket(
        step: steps[start + part.count / 2], low: part.min() ?? sum,
        mean: sum / Double(part.count), high: part.max() ?? sum)
    }
  }
}
