// SPDX-License-Identifier: Apache-2.0
//
// Groups of bars in panels below one another, with the same groups in each.

/// A chart of bars.
struct BarChart {
  /// One panel: series of one bar for each group.
  struct Panel {
    let yLabel: String
    let series: [(name: String, values: [Double])]
  }

  let title: String
  /// Below each group, lines of text.
  let labels: [[String]]
  let panels: [Panel]

  private static let colors = ["#1f5fa8", "#e8a33d", "#6aa84f", "#b9b9b9"]
  private static let panelHeight = 230.0
  private static let width = 820.0

  /// The picture.
  var svg: String {
    let lineCount = labels.map(\.count).max() ?? 0
    let labelHeight = 14 * Double(lineCount) + 34
    let height = 44 + Double(panels.count) * (Self.panelHeight + labelHeight)
    var canvas = SVGCanvas(width: Self.width, height: height)
    canvas.text(title, x: Self.width / 2, y: 24, size: 15, anchor: .middle)
    for (index, panel) in panels.enumerated() {
      let top = 62 + Double(index) * (Self.panelHeight + labelHeight)
      let frame = SVGCanvas.Frame(
        left: 70, top: top, width: Self.width - 90, height: Self.panelHeight - 20)
      draw(panel, in: frame, on: &canvas)
    }
    return canvas.svg
  }

  private func draw(_ panel: Panel, in frame: SVGCanvas.Frame, on canvas: inout SVGCanvas) {
    let most = panel.series.flatMap(\.values).filter(\.isFinite).max() ?? 0
    let vertical = PlotAxis(low: 0, high: most > 0 ? most * 1.08 : 1)
    canvas.axes(horizontal: nil, vertical: vertical, in: frame, xLabel: "", yLabel: panel.yLabel)
    canvas.legend(
      zip(panel.series.map(\.name), Self.colors).map { ($0, $1) }, x: frame.left, y: frame.top - 6)
    let groupWidth = frame.width / Double(max(labels.count, 1))
    let barWidth = groupWidth * 0.7 / Double(max(panel.series.count, 1))
    for (group, lines) in labels.enumerated() {
      let left = frame.left + groupWidth * (Double(group) + 0.15)
      for (number, series) in panel.series.enumerated() where series.values[group].isFinite {
        let x = left + Double(number) * barWidth
        let y = frame.point(0, vertical.position(series.values[group])).y
        canvas.bar(
          .init(x: x, y: y), .init(x: x + barWidth * 0.94, y: frame.top + frame.height),
          fill: Self.colors[number % Self.colors.count])
        canvas.text(
          shortNumber(series.values[group], digits: 3), x: x + barWidth / 2, y: y - 3, size: 8.5,
          anchor: .middle)
      }
      for (number, line) in lines.enumerated() {
        canvas.text(
          line, x: frame.left + groupWidth * (Double(group) + 0.5),
          y: frame.top + frame.height + 15 + 13 * Double(number), size: 10.5, anchor: .middle)
      }
    }
  }
}
