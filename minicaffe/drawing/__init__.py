"""Pictures of nets: definition -> graph -> layout -> svg, png, dot or html.

``graph.build`` says what is drawn, ``layout.lay_out`` where, and each writer how.
"""
