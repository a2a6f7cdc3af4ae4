"""What the files of a version say about its licences and parents, beside what its publisher declared.

`scanning` reads files within bounds and gives `Observations`; `judging` compares them with the declared licences and
the lineage and gives findings; `records` stores both. All but `reading`, `scanning`, `scancode` and `records` is pure.
"""
