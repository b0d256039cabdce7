# What psych 2.2.9 and pROC 1.18.0 (R 4.2.2) say of the samples in agreement_by_r.json.
#   Rscript agreement_by_r.R agreement_by_r.json
# The block "irr" is what the formulas of icc() and kappa2() of irr 0.84 give (twoway agreement
# and consistency; k = 1, and 3 for the average; weights unweighted and squared).  Its interval of
# ICC(A,k) puts the coefficient of the average where McGraw and Wong 1996 (table 7) put that of one
# reading, so that it differs from psych's in the sixth digit.
library(jsonlite); suppressMessages({library(psych); library(pROC)})
file <- commandArgs(TRUE)[1]
content <- fromJSON(file)
icc <- function(m) {
  r <- ICC(m, lmer = FALSE)$results
  row <- function(type) as.numeric(r[r$type == type, c("ICC", "lower bound", "upper bound")])
  list(icc_2_1 = row("ICC2"), icc_3_1 = row("ICC3"), icc_a_k = row("ICC2k"))
}
kappas <- suppressWarnings(cohen.kappa(content$samples$grades, n.obs = sum(content$samples$grades)))$confid[, c(2, 1, 3)]
curve <- roc(content$samples$affected, content$samples$distance_mm, levels = c(0, 1),
             direction = ">", quiet = TRUE)
best <- coords(curve, "best", best.method = "youden", transpose = FALSE,
               ret = c("sensitivity", "specificity"))
content$r <- list(
  reliability = icc(content$samples$readings_mm),
  kappa = as.numeric(kappas[1, ]), weighted_kappa = as.numeric(kappas[2, ]),
  area = as.numeric(ci.auc(curve, method = "delong"))[c(2, 1, 3)],
  youden = as.numeric(best[1, ]))
writeLines(toJSON(content, digits = 12, auto_unbox = TRUE, pretty = TRUE), file)
