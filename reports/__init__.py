"""Stored results -> one page. A pure function: it reads a run folder and never runs a model.

::

    findings/   race        who ran against whom: entrants, settings, groups of repeats, and who is not ranked and why
                evidence    medians with intervals, paired ratios with a verdict word
                decision    per setting: who wins, by how much, how sure      ──► answer   the first screen, in words
    html/       figures/    plotly figures, one module per question           ──► render   the page
    plain/      markdown, terminal

Every number is computed once, here in Python; the three outputs print the same ones. The script in the page filters
and draws what it is given and computes no statistic.
"""
