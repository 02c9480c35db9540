"""The site: one folder of static pages that needs no server and no address outside it.

`build` makes it, of the parts that are asked for; `pages` writes its pages.
"""
